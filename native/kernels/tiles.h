// The pass over slices that both operators share on CPU, a tile at a time: sums, the step, or both.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "kernels/lines.h"
#include "kernels/slices.h"

#define LORASHEAR_DISPATCH_STORAGE(TYPE, ...)                                    \
  AT_DISPATCH_SWITCH(TYPE, "lorashear slices",                                   \
                     AT_DISPATCH_CASE(at::kFloat, __VA_ARGS__) AT_DISPATCH_CASE( \
                         at::kBFloat16, __VA_ARGS__) AT_DISPATCH_CASE(at::kHalf, __VA_ARGS__))

namespace lorashear {

// The least multiple of unit that is not below n.
constexpr int64_t ceil_to(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

// A run of consecutive entries of one matrix's index list.
struct Tile {
  int64_t matrix;
  int64_t start;
  int64_t count;
};

// One slice is contiguous in memory (a row of a row-major matrix).
inline bool is_contiguous_slice(const SliceMatrix& matrix) {
  return matrix.x.inner == 1 || matrix.length == 1;
}

// Slices are neighbours in memory, element by element (columns of a row-major matrix). Slices that
// are neither are copied.
inline bool are_columns(const SliceMatrix& matrix) {
  return !is_contiguous_slice(matrix) && matrix.x.outer == 1 && matrix.x.inner >= matrix.extent;
}

// All slices of all matrices, in list order, cut so that the threads' shares come out even.
std::vector<Tile> tiles_of(const std::vector<SliceMatrix>& matrices);

// Runs fn(0) ... fn(count - 1) on libtorch's threads; which thread takes which number is left to
// chance, so each must write only what is its own.
void each(int64_t count, const std::function<void(int64_t)>& fn);

// Memory for float32 lanes: 64-byte aligned and not cleared.
class LaneBuffer {
 public:
  LaneBuffer() = default;
  explicit LaneBuffer(int64_t floats)
      : data_(static_cast<float*>(::operator new (floats * sizeof(float), std::align_val_t{64}))) {}
  float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* data) const { ::operator delete (data, std::align_val_t{64}); }
  };
  std::unique_ptr<float, Free> data_;
};

// to[i * stride + k] = scale * factor(lines[i], k)
void read_factor(const Factor& factor, const int64_t* lines, int64_t count, int64_t rank,
                 float scale, int64_t stride, float* to);

// The basis of every matrix in float32, as lines.h wants it (of columns: their coefficients), and
// the factor in front of u.
class PackedBases {
 public:
  // With scale == 0 nothing is read and every rank is 0.
  PackedBases(const std::vector<SliceMatrix>& matrices, double scale);
  int64_t rank(int64_t matrix) const { return ranks_[matrix]; }
  const float* data(int64_t matrix) const { return data_[matrix].data(); }
  float scale() const { return scale_; }

 private:
  float scale_;
  std::vector<int64_t> ranks_;
  std::vector<LaneBuffer> data_;
};

// sums[0 .. tile.count) become those of the tile's slices; then, with keep,
// x_i = keep[i] * x_i + u_i and nonzero[i] whether anything but zero is stored now: one pass over
// memory. sums, or keep and nonzero, may be null.
void pass(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
          const float* keep, SliceSums* sums, uint8_t* nonzero);

// For columns (columns.cc): how many entries of the index list from `start` on make a tile, and the
// pass over it.
int64_t columns_from(const SliceMatrix& matrix, int64_t start);
void walk_columns(const SliceMatrix& matrix, const PackedBases& bases, const Tile& tile,
                  const float* keep, SliceSums* sums, uint8_t* nonzero);

// x_i = exactly +0.0 for every slice with zero[i].
void clear(const SliceMatrix& matrix, const Tile& tile, const uint8_t* zero);

// The carriers of the tile's slices and their moments become exactly 0.
void clear_carriers(const SliceMatrix& matrix, const Tile& tile);

}  // namespace lorashear
