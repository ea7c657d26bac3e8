// The group statistics on CPU: one pass over the slices, then the groups' sums in list order.
#include <ATen/Functions.h>

#include <algorithm>

#include "kernels/group_statistics/op.h"
#include "kernels/tiles.h"

namespace lorashear {

at::Tensor group_statistics_cpu(LORASHEAR_STATISTICS_PARAMETERS) {
  const char* op = "group_statistics";
  const auto is_double = [](const at::Tensor& t) { return t.scalar_type() == at::kDouble; };
  if (std::any_of(x.begin(), x.end(), is_double)) {
    return group_statistics_reference(x, lora_b, lora_a, index, group, axis, scale, groups);
  }
  const auto matrices = read_slices(op, x, lora_b, lora_a, {}, index, group, axis, groups);
  check_lines(op, matrices, groups);

  const std::vector<Tile> tiles = tiles_of(matrices);
  const PackedBases bases(matrices, scale);
  std::vector<SliceSums> sums(slice_total(matrices));
  each(static_cast<int64_t>(tiles.size()), [&](int64_t i) {
    const Tile& tile = tiles[i];
    measure(matrices, bases, tile, /*energy=*/true,
            sums.data() + matrices[tile.matrix].first + tile.start);
  });

  std::vector<SliceSums> totals(groups);
  for (const SliceMatrix& matrix : matrices) {
    for (int64_t i = 0; i < matrix.count; ++i) {
      SliceSums& total = totals[matrix.group[i]];
      total.xx += sums[matrix.first + i].xx;
      total.xu += sums[matrix.first + i].xu;
      total.uu += sums[matrix.first + i].uu;
    }
  }
  at::Tensor result = at::empty({groups, 3}, at::kFloat);
  float* rows = result.mutable_data_ptr<float>();
  for (int64_t g = 0; g < groups; ++g) {
    rows[3 * g] = static_cast<float>(totals[g].xx);
    rows[3 * g + 1] = static_cast<float>(totals[g].xu);
    rows[3 * g + 2] = static_cast<float>(totals[g].uu);
  }
  return result;
}

}  // namespace lorashear
