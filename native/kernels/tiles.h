// The two CPU passes over slices that both operators share: measure (sums) and apply (the step), a
// tile at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "kernels/lines.h"
#include "kernels/slices.h"

namespace lorashear {

// A run of consecutive entries of one matrix's index list.
struct Tile {
  int64_t matrix;
  int64_t start;
  int64_t count;
};

// Most slices in a tile of slices that are not contiguous: neighbouring columns share their cache
// lines.
constexpr int64_t kTileSlices = 32;

// One slice is contiguous in memory (a row of a row-major matrix); other slices are gathered.
inline bool is_contiguous_slice(const SliceMatrix& matrix) {
  return matrix.x.inner == 1 || matrix.length == 1;
}

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

// The basis of every matrix in float32, as lines.h wants it, and the factor in front of u.
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

// Floats of room that measure needs to leave the u of a tile of contiguous slices.
inline int64_t room_for(const SliceMatrix& matrix, const Tile& tile) {
  return tile.count * ((matrix.length + 15) / 16 * 16);
}

// sums[0 .. tile.count): the sums of the tile's slices; uu stays 0 unless `energy`.
// u: null, or 64-byte aligned room_for(...) floats in which u is left for apply.
void measure(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
             bool energy, float* u, SliceSums* sums);

// What becomes of a slice: x_i = keep * x_i + u_i, or exactly +0.0.
struct SliceStep {
  float keep;
  bool zero;
};

// Does steps[0 .. tile.count) and zeroes the slices' carriers and moments.
// u: what measure left, or null.
// nonzero[0 .. tile.count): whether anything but zero is stored in the slice now.
void apply(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
           float* u, const SliceStep* steps, uint8_t* nonzero);

}  // namespace lorashear
