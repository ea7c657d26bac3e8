// The pass: contiguous slices where they lie, a few at a time; columns in columns.cc; slices with
// other strides in a copy.
#include "kernels/tiles.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace lorashear {

LORASHEAR_IN_EACH_SET(LineSet, loops)

const LineSet& line_set() {
  return LORASHEAR_CHOSEN(loops);
}

namespace {

// Elements of all slices of a tile worked on before the next ones, and summed in float32 before
// they go to double: at rank 8 the basis of these takes 16 KiB, a third of L1.
constexpr int64_t kBlock = 512;
constexpr int64_t kTileBytes = 192 << 10;  // of contiguous slices
constexpr int64_t kAheadBytes = 12 << 10;  // how far before the work they are fetched
constexpr int64_t kGatherSlices = 32;      // other slices, copied together

#define DISPATCH_ANY(TYPE, ...) \
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, TYPE, "lorashear slices", __VA_ARGS__)
void zero(const Factor& factor, const int64_t* lines, int64_t count, int64_t rank) {
  if (!factor.present()) return;
  DISPATCH_ANY(factor.type, [&] {
    for (int64_t i = 0; i < count; ++i) {
      auto* to = static_cast<scalar_t*>(factor.data) + lines[i] * factor.outer;
      for (int64_t k = 0; k < rank; ++k) to[k * factor.inner] = static_cast<scalar_t>(0.0f);
    }
  });
}

// One tile with its basis and the scaled coefficients of its slices, [count][rank], rank padded
// with zeros.
struct Work {
  const SliceMatrix& matrix;
  const int64_t* index;
  int64_t count;
  int64_t rank;
  const float* basis;
  std::vector<float> coefficients;
  at::Tensor gathered;  // [count][length], where slices are not contiguous

  Work(const SliceMatrix& from, const PackedBases& bases, const Tile& tile)
      : matrix(from),
        index(matrix.index + tile.start),
        count(tile.count),
        rank(bases.rank(tile.matrix)),
        basis(bases.data(tile.matrix)),
        coefficients(count * rank, 0.0f) {
    if (rank == 0) return;
    read_factor(matrix.carrier, index, count, matrix.rank, bases.scale(), rank,
                coefficients.data());
  }

  template <typename T>
  T* slice(int64_t i) const {
    if (gathered.defined()) return static_cast<T*>(gathered.data_ptr()) + i * matrix.length;
    return static_cast<T*>(matrix.x.data) + index[i] * matrix.x.outer;
  }

  at::Tensor places() const {
    return at::from_blob(const_cast<int64_t*>(index), {count}, at::TensorOptions(at::kLong));
  }
  void gather() {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor slices = matrix.tensor.index_select(matrix.axis, places());
    gathered = (matrix.axis == 0 ? slices : slices.t()).contiguous();
  }
  void scatter() const {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor slices = matrix.axis == 0 ? gathered : gathered.t();
    matrix.tensor.index_copy_(matrix.axis, places(), slices);
  }
};

// The pass over contiguous slices, a few at a time and kBlock elements of each.
template <typename T>
void pass_slices(const Work& work, const float* keep, SliceSums* sums, uint8_t* nonzero) {
  const int64_t length = work.matrix.length;
  const int64_t bytes = std::min(kBlock, length) * static_cast<int64_t>(sizeof(T));
  const int64_t at_once = line_loops<T>().rows_at_once(work.rank, keep != nullptr);
  const int64_t ahead = at_once * std::max<int64_t>(1, kAheadBytes / (at_once * bytes));
  for (int64_t e = 0; e < length; e += kBlock) {
    for (int64_t i = 0; i < work.count; i += at_once) {
      Lines<T> lines{};
      lines.rows = static_cast<int>(std::min(at_once, work.count - i));
      lines.length = std::min(kBlock, length - e);
      lines.coefficients = work.coefficients.data() + i * work.rank;
      lines.basis = work.basis + e * work.rank;
      lines.rank = work.rank;
      for (int row = 0; row < lines.rows; ++row) {
        // After the tile's last slice its first comes again, with the next elements.
        const int64_t next = i + row + ahead;
        const bool again = next >= work.count && e + 2 * kBlock <= length;
        lines.x[row] = work.slice<T>(i + row) + e;
        lines.next[row] =
            work.slice<T>(std::min(again ? next - work.count : next, work.count - 1)) + e +
            (again ? kBlock : 0);
      }
      line_loops<T>().pass(lines, keep ? keep + i : nullptr, sums ? sums + i : nullptr,
                           keep ? nonzero + i : nullptr);
    }
  }
}

}  // namespace

void each(int64_t count, const std::function<void(int64_t)>& fn) {
  std::atomic<int64_t> next{0};
  const int64_t workers = std::min<int64_t>(count, at::get_num_threads());
  const auto work = [&](char**, const int64_t*, int64_t, int64_t) {
    for (int64_t i = next++; i < count; i = next++) fn(i);
  };
  if (workers <= 1) return work(nullptr, nullptr, 0, 0);
  // at::parallel_for is a template that is serial unless this file is compiled for libtorch's own
  // OpenMP; TensorIterator::for_each is the same loop compiled inside libtorch. One byte stands for
  // each worker.
  at::TensorBase bytes = at::empty({workers}, at::kByte);
  at::TensorIterator::nullary_op(bytes).for_each(work, /*grain_size=*/1);
}

std::vector<Tile> tiles_of(const std::vector<SliceMatrix>& matrices) {
  std::vector<Tile> tiles;
  for (size_t m = 0; m < matrices.size(); ++m) {
    const SliceMatrix& matrix = matrices[m];
    const int64_t bytes = matrix.length * static_cast<int64_t>(c10::elementSize(matrix.x.type));
    const int64_t fit = std::max<int64_t>(2, kTileBytes / std::max<int64_t>(1, bytes) / 2 * 2);
    const int64_t most = is_contiguous_slice(matrix) ? fit : kGatherSlices;
    for (int64_t start = 0, count; start < matrix.count; start += count) {
      count =
          are_columns(matrix) ? columns_from(matrix, start) : std::min(most, matrix.count - start);
      tiles.push_back({static_cast<int64_t>(m), start, count});
    }
  }
  return tiles;
}

void read_factor(const Factor& factor, const int64_t* lines, int64_t count, int64_t rank,
                 float scale, int64_t stride, float* to) {
  DISPATCH_ANY(factor.type, [&] {
    for (int64_t i = 0; i < count; ++i) {
      const auto* from = static_cast<const scalar_t*>(factor.data) + lines[i] * factor.outer;
      for (int64_t k = 0; k < rank; ++k) {
        to[i * stride + k] = scale * static_cast<float>(from[k * factor.inner]);
      }
    }
  });
}

PackedBases::PackedBases(const std::vector<SliceMatrix>& matrices, double scale)
    : scale_(static_cast<float>(scale)), ranks_(matrices.size(), 0), data_(matrices.size()) {
  if (scale == 0) return;
  each(static_cast<int64_t>(matrices.size()), [&](int64_t m) {
    const SliceMatrix& matrix = matrices[m];
    if (matrix.rank == 0 || matrix.count == 0) return;
    const int64_t rank = ceil_to(matrix.rank, kRankUnit);
    const int64_t padded = ceil_to(matrix.length, kLanes);
    const int64_t lanes = are_columns(matrix) ? 1 : kLanes;
    data_[m] = LaneBuffer(padded * rank);
    ranks_[m] = rank;
    std::vector<float> line(padded, 0.0f);
    for (int64_t k = 0; k < rank; ++k) {
      if (k < matrix.rank) {
        read_factor(matrix.basis, &k, 1, matrix.length, 1.0f, 0, line.data());
      } else {
        std::fill(line.begin(), line.end(), 0.0f);
      }
      for (int64_t e = 0; e < padded; e += lanes) {
        std::copy_n(line.data() + e, lanes, data_[m].data() + e * rank + k * lanes);
      }
    }
  });
}

void pass(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
          const float* keep, SliceSums* sums, uint8_t* nonzero) {
  const SliceMatrix& matrix = matrices[tile.matrix];
  if (are_columns(matrix)) return walk_columns(matrix, bases, tile, keep, sums, nonzero);
  if (sums) std::fill_n(sums, tile.count, SliceSums{});
  if (keep) std::fill_n(nonzero, tile.count, uint8_t{0});
  Work work(matrix, bases, tile);
  if (!is_contiguous_slice(matrix)) work.gather();
  LORASHEAR_DISPATCH_STORAGE(matrix.x.type,
                             [&] { pass_slices<scalar_t>(work, keep, sums, nonzero); });
  if (work.gathered.defined() && keep) work.scatter();
}

void clear(const SliceMatrix& matrix, const Tile& tile, const uint8_t* zero) {
  std::vector<int64_t> slices;
  for (int64_t i = 0; i < tile.count; ++i) {
    if (zero[i]) slices.push_back(matrix.index[tile.start + i]);
  }
  LORASHEAR_DISPATCH_STORAGE(matrix.x.type, [&] {
    auto* x = static_cast<scalar_t*>(matrix.x.data);
    if (is_contiguous_slice(matrix)) {
      for (const int64_t slice : slices) {
        std::fill_n(x + slice * matrix.x.outer, matrix.length, scalar_t(0.0f));
      }
      return;
    }
    for (int64_t e = 0; e < matrix.length; ++e) {
      for (const int64_t slice : slices) {
        x[e * matrix.x.inner + slice * matrix.x.outer] = scalar_t(0.0f);
      }
    }
  });
}

void clear_carriers(const SliceMatrix& matrix, const Tile& tile) {
  const int64_t* index = matrix.index + tile.start;
  zero(matrix.carrier, index, tile.count, matrix.rank);
  for (const Factor& moment : matrix.moments) zero(moment, index, tile.count, matrix.rank);
}

}  // namespace lorashear
