// Measure and apply: contiguous slices where they lie, two at a time; strided ones through a
// gathered block.
#include "kernels/tiles.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace lorashear {
namespace {

constexpr int64_t kBlock = 4096;          // elements summed in float32 before they go to double
constexpr int64_t kGather = 256;          // elements of a strided slice gathered at a time
constexpr int64_t kAheadBytes = 8 << 10;  // how far before the work slices are fetched
// Not a power of two, so that a column of the gathered block does not fall into one cache set.
constexpr int64_t kLine = kGather + kLanes;

constexpr int64_t ceil_to(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

#define DISPATCH_ANY(TYPE, ...) \
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, TYPE, "lorashear slices", __VA_ARGS__)
#define DISPATCH_STORAGE(TYPE, ...)                                              \
  AT_DISPATCH_SWITCH(TYPE, "lorashear slices",                                   \
                     AT_DISPATCH_CASE(at::kFloat, __VA_ARGS__) AT_DISPATCH_CASE( \
                         at::kBFloat16, __VA_ARGS__) AT_DISPATCH_CASE(at::kHalf, __VA_ARGS__))

// to[i * stride + k] = scale * factor(lines[i], k)
void read(const Factor& factor, const int64_t* lines, int64_t count, int64_t rank, float scale,
          int64_t stride, float* to) {
  DISPATCH_ANY(factor.type, [&] {
    for (int64_t i = 0; i < count; ++i) {
      const auto* from = static_cast<const scalar_t*>(factor.data) + lines[i] * factor.outer;
      for (int64_t k = 0; k < rank; ++k) {
        to[i * stride + k] = scale * static_cast<float>(from[k * factor.inner]);
      }
    }
  });
}

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

  Work(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile)
      : matrix(matrices[tile.matrix]),
        index(matrix.index + tile.start),
        count(tile.count),
        rank(bases.rank(tile.matrix)),
        basis(bases.data(tile.matrix)),
        coefficients(count * rank, 0.0f) {
    if (rank == 0) return;
    read(matrix.carrier, index, count, matrix.rank, bases.scale(), rank, coefficients.data());
  }

  template <typename T>
  T* slice(int64_t i) const {
    return static_cast<T*>(matrix.x.data) + index[i] * matrix.x.outer;
  }

  // The slices i .. i + rows - 1, `length` elements from element e on, of which x and y are the
  // first ones.
  template <typename T>
  Lines<T> lines(int64_t i, int rows, int64_t e, int64_t length, T* x, T* y) const {
    Lines<T> lines{};
    lines.rows = rows;
    lines.length = length;
    lines.x[0] = x;
    lines.x[1] = y;
    lines.next[0] = x;
    lines.next[1] = y;
    lines.coefficients = coefficients.data() + i * rank;
    lines.basis = basis + e * rank;
    lines.rank = rank;
    return lines;
  }
};

template <typename T>
void gather(const Work& work, int64_t from, int64_t length, float* block) {
  for (int64_t e = 0; e < length; ++e) {
    const T* line = static_cast<const T*>(work.matrix.x.data) + (from + e) * work.matrix.x.inner;
    for (int64_t i = 0; i < work.count; ++i) {
      block[i * kLine + e] = static_cast<float>(line[work.index[i] * work.matrix.x.outer]);
    }
  }
}

template <typename T>
void scatter(const Work& work, int64_t from, int64_t length, const float* block, uint8_t* nonzero) {
  for (int64_t e = 0; e < length; ++e) {
    T* line = static_cast<T*>(work.matrix.x.data) + (from + e) * work.matrix.x.inner;
    for (int64_t i = 0; i < work.count; ++i) {
      const T value = static_cast<T>(block[i * kLine + e]);
      line[work.index[i] * work.matrix.x.outer] = value;
      nonzero[i] |= static_cast<float>(value) != 0.0f;
    }
  }
}

template <typename T>
const LineLoops<T>& loops_of(const Lines<T>&) {
  return line_loops<T>();
}

// Calls fn(lines, i) for every block of the slices i and i + 1 (or of i alone): where they lie, or
// in a gathered copy in float32, which is scattered back if `Writes` (and nonzero then tells what
// is left after rounding to the storage).
template <typename T, bool Writes, typename Fn>
void each_block(const Work& work, uint8_t* nonzero, Fn fn) {
  const int64_t length = work.matrix.length;
  if (is_contiguous_slice(work.matrix)) {
    const int64_t bytes = length * static_cast<int64_t>(sizeof(T));
    const int64_t ahead = 2 * std::max<int64_t>(1, kAheadBytes / (2 * bytes));
    for (int64_t i = 0; i < work.count; i += 2) {
      const int rows = i + 1 < work.count ? 2 : 1;
      T* x = work.slice<T>(i);
      T* y = work.slice<T>(i + rows - 1);
      const T* next_x = work.slice<T>(std::min(i + ahead, work.count - 1));
      const T* next_y = work.slice<T>(std::min(i + ahead + 1, work.count - 1));
      for (int64_t e = 0; e < length; e += kBlock) {
        auto lines = work.lines(i, rows, e, std::min(kBlock, length - e), x + e, y + e);
        lines.next[0] = next_x + e;
        lines.next[1] = next_y + e;
        fn(lines, i);
      }
    }
    return;
  }
  const LaneBuffer block(work.count * kLine);
  std::vector<uint8_t> left(Writes ? work.count : 0, 0);
  for (int64_t e = 0; e < length; e += kGather) {
    const int64_t n = std::min(kGather, length - e);
    gather<T>(work, e, n, block.data());
    for (int64_t i = 0; i < work.count; i += 2) {
      const int rows = i + 1 < work.count ? 2 : 1;
      float* line = block.data() + i * kLine;
      fn(work.lines(i, rows, e, n, line, line + (rows - 1) * kLine), i);
    }
    if constexpr (Writes) scatter<T>(work, e, n, block.data(), left.data());
  }
  if constexpr (Writes) std::copy(left.begin(), left.end(), nonzero);
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
    const int64_t most =
        is_contiguous_slice(matrix) ? std::max<int64_t>(2, kTileBytes / bytes) : kTileSlices;
    for (int64_t start = 0; start < matrix.count; start += most) {
      tiles.push_back({static_cast<int64_t>(m), start, std::min(most, matrix.count - start)});
    }
  }
  return tiles;
}

PackedBases::PackedBases(const std::vector<SliceMatrix>& matrices, double scale)
    : scale_(static_cast<float>(scale)), ranks_(matrices.size(), 0), data_(matrices.size()) {
  if (scale == 0) return;
  each(static_cast<int64_t>(matrices.size()), [&](int64_t m) {
    const SliceMatrix& matrix = matrices[m];
    if (matrix.rank == 0 || matrix.count == 0) return;
    const int64_t rank = ceil_to(matrix.rank, kRankUnit);
    const int64_t padded = ceil_to(matrix.length, kLanes);
    data_[m] = LaneBuffer(padded * rank);
    std::vector<float> line(padded, 0.0f);
    for (int64_t k = 0; k < rank; ++k) {
      if (k < matrix.rank) {
        read(matrix.basis, &k, 1, matrix.length, 1.0f, 0, line.data());
      } else {
        std::fill(line.begin(), line.end(), 0.0f);
      }
      for (int64_t e = 0; e < padded; e += kLanes) {
        std::copy_n(line.data() + e, kLanes, data_[m].data() + e * rank + k * kLanes);
      }
    }
    ranks_[m] = rank;
  });
}

void measure(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
             bool energy, SliceSums* sums) {
  const Work work(matrices, bases, tile);
  std::fill_n(sums, tile.count, SliceSums{});
  DISPATCH_STORAGE(work.matrix.x.type, [&] {
    each_block<scalar_t, false>(work, nullptr, [&](const auto& lines, int64_t i) {
      loops_of(lines).measure(lines, energy, sums + i);
    });
  });
}

void apply(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
           const float* keep, uint8_t* nonzero) {
  const Work work(matrices, bases, tile);
  std::fill_n(nonzero, tile.count, uint8_t{0});
  DISPATCH_STORAGE(work.matrix.x.type, [&] {
    each_block<scalar_t, true>(work, nonzero, [&](const auto& lines, int64_t i) {
      loops_of(lines).apply(lines, keep + i, nonzero + i);
    });
  });
}

void advance(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
             float keep, SliceSums* sums, uint8_t* nonzero) {
  const Work work(matrices, bases, tile);
  std::fill_n(sums, tile.count, SliceSums{});
  std::fill_n(nonzero, tile.count, uint8_t{0});
  DISPATCH_STORAGE(work.matrix.x.type, [&] {
    each_block<scalar_t, true>(work, nonzero, [&](const auto& lines, int64_t i) {
      loops_of(lines).advance(lines, keep, sums + i, nonzero + i);
    });
  });
}

void clear(const SliceMatrix& matrix, const Tile& tile, const uint8_t* zero) {
  const int64_t* index = matrix.index + tile.start;
  DISPATCH_STORAGE(matrix.x.type, [&] {
    for (int64_t i = 0; i < tile.count; ++i) {
      if (!zero[i]) continue;
      auto* x = static_cast<scalar_t*>(matrix.x.data) + index[i] * matrix.x.outer;
      if (is_contiguous_slice(matrix)) {
        std::memset(static_cast<void*>(x), 0, matrix.length * sizeof(scalar_t));
      } else {
        for (int64_t e = 0; e < matrix.length; ++e) x[e * matrix.x.inner] = scalar_t(0.0f);
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
