// The half-space projection on CPU. Without a pull every group shrinks by the same factor, known
// before any norm is: sums and step are one pass over memory, and what turns out to be zero is
// cleared after it. With a pull: one pass for the sums, one for the step.
#include <ATen/Functions.h>

#include <algorithm>

#include "kernels/half_space_projection/op.h"
#include "kernels/half_space_projection/step.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

struct Projection {
  const std::vector<SliceMatrix>& matrices;
  const std::vector<Tile> tiles;
  const PackedBases bases;
  std::vector<SliceSums> sums;     // per slice
  std::vector<uint8_t> nonzero;    // per slice
  std::vector<SliceSums> totals;   // per group
  std::vector<GroupStep> decided;  // per group

  Projection(const std::vector<SliceMatrix>& from, double scale, int64_t groups)
      : matrices(from),
        tiles(tiles_of(from)),
        bases(from, scale),
        sums(slice_total(from)),
        nonzero(slice_total(from)),
        totals(groups),
        decided(groups) {}

  int64_t place(const Tile& tile) const { return matrices[tile.matrix].first + tile.start; }
  const int64_t* groups_of(const Tile& tile) const {
    return matrices[tile.matrix].group + tile.start;
  }
  template <typename Fn>
  void each_tile(Fn fn) const {
    each(static_cast<int64_t>(tiles.size()), [&](int64_t i) { fn(tiles[i]); });
  }

  // The groups' sums, slice by slice in the order of the lists, and what becomes of the groups.
  void decide(int64_t remaining, const float* pull, double epsilon) {
    for (const SliceMatrix& matrix : matrices) {
      for (int64_t i = 0; i < matrix.count; ++i) {
        SliceSums& total = totals[matrix.group[i]];
        total.xx += sums[matrix.first + i].xx;
        total.xu += sums[matrix.first + i].xu;
      }
    }
    for (size_t g = 0; g < totals.size(); ++g) {
      const double least = pull ? pull[g] : -1;
      decided[g] = group_step(totals[g].xx, totals[g].xu, remaining, least, epsilon);
    }
  }

  void measure_tile(const Tile& tile) {
    pass(matrices, bases, tile, nullptr, sums.data() + place(tile), nullptr);
  }

  void advance_tile(const Tile& tile, float keep) {
    const std::vector<float> keeps(tile.count, keep);
    pass(matrices, bases, tile, keeps.data(), sums.data() + place(tile),
         nonzero.data() + place(tile));
  }

  void apply_tile(const Tile& tile) {
    std::vector<float> keep(tile.count);
    for (int64_t i = 0; i < tile.count; ++i) {
      keep[i] = static_cast<float>(decided[groups_of(tile)[i]].keep);
    }
    pass(matrices, bases, tile, keep.data(), nullptr, nonzero.data() + place(tile));
  }

  void clear_tile(const Tile& tile) {
    std::vector<uint8_t> zero(tile.count);
    for (int64_t i = 0; i < tile.count; ++i) {
      zero[i] = decided[groups_of(tile)[i]].zero;
      if (zero[i]) nonzero[place(tile) + i] = 0;
    }
    clear(matrices[tile.matrix], tile, zero.data());
  }

  // (groups, 2): the norm before the step, and 1 where the group is zero now.
  at::Tensor result() const {
    const auto groups = static_cast<int64_t>(decided.size());
    at::Tensor result = at::empty({groups, 2}, at::kFloat);
    float* rows = result.mutable_data_ptr<float>();
    for (int64_t g = 0; g < groups; ++g) {
      rows[2 * g] = static_cast<float>(decided[g].norm);
      rows[2 * g + 1] = 1.0f;
    }
    for (const SliceMatrix& matrix : matrices) {
      for (int64_t i = 0; i < matrix.count; ++i) {
        if (nonzero[matrix.first + i]) rows[2 * matrix.group[i] + 1] = 0.0f;
      }
    }
    return result;
  }
};

}  // namespace

at::Tensor half_space_projection_cpu(LORASHEAR_PROJECTION_PARAMETERS) {
  const char* op = "half_space_projection";
  const auto is_double = [](const at::Tensor& t) { return t.scalar_type() == at::kDouble; };
  if (std::any_of(x.begin(), x.end(), is_double)) {
    return half_space_projection_reference(x, lora_b, lora_a, moments, index, group, axis, scale,
                                           groups, remaining, pull, epsilon);
  }
  check_projection(op, groups, remaining, pull, epsilon, x);
  const auto matrices = read_slices(op, x, lora_b, lora_a, moments, index, group, axis, groups);
  check_lines(op, matrices, groups);
  check_writable(op, matrices, true);

  Projection run(matrices, scale, groups);
  const float* least = pull ? pull->const_data_ptr<float>() : nullptr;
  const bool one_pass = !pull && remaining > 1;
  if (one_pass) {
    const auto keep = static_cast<float>(group_step(1, 0, remaining, -1, epsilon).keep);
    run.each_tile([&](const Tile& tile) {
      run.advance_tile(tile, keep);
      clear_carriers(matrices[tile.matrix], tile);
    });
    run.decide(remaining, least, epsilon);
  } else {
    run.each_tile([&](const Tile& tile) { run.measure_tile(tile); });
    run.decide(remaining, least, epsilon);
    run.each_tile([&](const Tile& tile) {
      if (remaining > 1) run.apply_tile(tile);
      clear_carriers(matrices[tile.matrix], tile);
    });
  }
  const bool some_zero = std::any_of(run.decided.begin(), run.decided.end(),
                                     [](const GroupStep& step) { return step.zero; });
  if (some_zero) run.each_tile([&](const Tile& tile) { run.clear_tile(tile); });

  mark_written(x);
  mark_written(lora_b);
  mark_written(lora_a);
  mark_written(moments);
  return run.result();
}

}  // namespace lorashear
