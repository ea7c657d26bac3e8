// The passes over slices that both operators share on CPU, a tile at a time: measure (sums), apply
// (the step), advance (both).
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
constexpr int64_t kTileBytes = 128 << 10;

// One slice is contiguous in memory (a row of a row-major matrix); other slices are gathered.
inline bool is_contiguous_slice(const SliceMatrix& matrix) {
  return matrix.x.inner == 1 || matrix.length == 1;
}

// All slices of all matrices, in list order: kTileSlices of the strided ones in a tile, of the
// others as many as kTileBytes hold, so that the threads' shares come out even.
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

// sums[0 .. tile.count): the sums of the tile's slices; uu stays 0 unless `energy`.
void measure(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
             bool energy, SliceSums* sums);

// x_i = keep[i] * x_i + u_i. nonzero[0 .. tile.count): whether anything but zero is stored now.
void apply(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
           const float* keep, uint8_t* nonzero);

// Both in one pass over memory: the sums of what the slices were, without uu, and
// x_i = keep * x_i + u_i.
void advance(const std::vector<SliceMatrix>& matrices, const PackedBases& bases, const Tile& tile,
             float keep, SliceSums* sums, uint8_t* nonzero);

// x_i = exactly +0.0 for every slice with zero[i].
void clear(const SliceMatrix& matrix, const Tile& tile, const uint8_t* zero);

// The carriers of the tile's slices and their moments become exactly 0.
void clear_carriers(const SliceMatrix& matrix, const Tile& tile);

}  // namespace lorashear
