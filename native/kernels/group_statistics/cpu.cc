// The group statistics on CPU: one pass over the slices, then the groups' sums in list order.
// ||u||^2 needs no pass: it comes from the products of the basis' lines with each other.
#include <ATen/Functions.h>

#include <algorithm>
#include <numeric>

#include "kernels/group_statistics/op.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

// Sums side by side, for the compiler's vectors; in double, because lines may almost cancel in u.
struct Parts {
  double at[kRankUnit] = {};
  double total() const { return std::accumulate(at, at + kRankUnit, 0.0); }
};

// The products of the basis' lines with each other, [rank][rank], rank padded with zeros:
// ||sum_k c_k basis_k||^2 = c G c.
std::vector<double> gram(const SliceMatrix& matrix, int64_t rank) {
  const int64_t padded = (matrix.length + kRankUnit - 1) / kRankUnit * kRankUnit;
  std::vector<float> lines(matrix.rank * padded, 0.0f);
  std::vector<double> products(rank * rank, 0.0);
  for (int64_t k = 0; k < matrix.rank; ++k) {
    float* line = lines.data() + k * padded;
    read_factor(matrix.basis, &k, 1, matrix.length, 1.0f, 0, line);
    for (int64_t j = 0; j <= k; ++j) {
      Parts parts;
      const float* other = lines.data() + j * padded;
      for (int64_t e = 0; e < padded; e += kRankUnit) {
        for (int64_t i = 0; i < kRankUnit; ++i) {
          parts.at[i] += static_cast<double>(line[e + i]) * static_cast<double>(other[e + i]);
        }
      }
      products[k * rank + j] = products[j * rank + k] = parts.total();
    }
  }
  return products;
}

// uu[0 .. tile.count): ||u_i||^2 of the tile's slices.
void energies(const SliceMatrix& matrix, const std::vector<double>& products, int64_t rank,
              float scale, const Tile& tile, double* uu) {
  std::vector<float> c(tile.count * rank, 0.0f);
  const int64_t* index = matrix.index + tile.start;
  read_factor(matrix.carrier, index, tile.count, matrix.rank, scale, rank, c.data());
  for (int64_t i = 0; i < tile.count; ++i) {
    const float* own = c.data() + i * rank;
    for (int64_t j = 0; j < rank; j += kRankUnit) {
      Parts parts;
      for (int64_t k = 0; k < rank; ++k) {
        for (int64_t l = 0; l < kRankUnit; ++l) parts.at[l] += own[k] * products[k * rank + j + l];
      }
      for (int64_t l = 0; l < kRankUnit; ++l) parts.at[l] *= own[j + l];
      uu[i] += parts.total();
    }
    if (uu[i] < 0) uu[i] = 0;  // rounding
  }
}

}  // namespace

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
  std::vector<std::vector<double>> products(matrices.size());
  each(static_cast<int64_t>(matrices.size()), [&](int64_t m) {
    if (bases.rank(m) > 0) products[m] = gram(matrices[m], bases.rank(m));
  });
  std::vector<SliceSums> sums(slice_total(matrices));
  std::vector<double> uu(slice_total(matrices), 0.0);
  each(static_cast<int64_t>(tiles.size()), [&](int64_t i) {
    const Tile& tile = tiles[i];
    const SliceMatrix& matrix = matrices[tile.matrix];
    const int64_t place = matrix.first + tile.start;
    pass(matrices, bases, tile, nullptr, sums.data() + place, nullptr);
    const int64_t rank = bases.rank(tile.matrix);
    if (rank == 0) return;
    energies(matrix, products[tile.matrix], rank, bases.scale(), tile, uu.data() + place);
  });

  std::vector<double> totals(3 * groups, 0.0);
  for (const SliceMatrix& matrix : matrices) {
    for (int64_t i = 0; i < matrix.count; ++i) {
      double* total = totals.data() + 3 * matrix.group[i];
      total[0] += sums[matrix.first + i].xx;
      total[1] += sums[matrix.first + i].xu;
      total[2] += uu[matrix.first + i];
    }
  }
  at::Tensor result = at::empty({groups, 3}, at::kFloat);
  std::copy(totals.begin(), totals.end(), result.mutable_data_ptr<float>());
  return result;
}

}  // namespace lorashear
