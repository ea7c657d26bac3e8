// What the CUDA kernels get: the matrices of slices.h as plain pointers, and their launchers. No
// torch, no CUDA header.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace lorashear {

enum class Storage : int { kFloat, kBFloat16, kHalf };

// Element (i, j) is at data + i * outer + j * inner, in elements of `storage`; data is null where
// absent.
struct DeviceFactor {
  void* data;
  int64_t outer;
  int64_t inner;
  Storage storage;
};

// A tile is a run of consecutive entries of one matrix's index list, and the work of one block:
// rows of a row-major matrix share the loads of the basis, columns share their sectors of memory.
constexpr int kRowTile = 8;
constexpr int kColumnTile = 32;

struct DeviceMatrix {
  DeviceFactor x;
  DeviceFactor carrier;
  DeviceFactor basis;
  DeviceFactor moments[2];
  float* packed;  // [rank][length up to a multiple of 4]: the basis in float32; null when u is 0
  const int64_t* index;  // [count]
  const int64_t* group;  // [count]
  int64_t extent;
  int64_t length;
  int64_t count;
  int64_t first;       // slices in the matrices before this one
  int64_t first_tile;  // tiles in the matrices before this one
  int rank;
  bool rows;  // slices are contiguous: tiles of kRowTile, threads run along the slice; else of
              // kColumnTile
  bool wide;  // four elements of a slice can be loaded at once
};

struct DeviceSlices {
  const DeviceMatrix* matrices;  // on the device
  int count;
  int64_t tiles;
  int rank;  // largest
  int64_t groups;
  Storage storage;  // of every x
  float scale;
  double* sums;            // [slices][3]: ||x_i||^2, <x_i, u_i>, ||u_i||^2
  const int64_t* order;    // [slices]: the slices sorted by group, list order kept within a group
  const int64_t* offsets;  // [groups + 1]: where in `order` each group begins
  CUstream_st* stream;
};

// Writes packed of every matrix, then sums of every slice.
void launch_measure(const DeviceSlices& slices);

// result [groups][3]: the sums of each group, added in list order.
void launch_group_statistics(const DeviceSlices& slices, float* result);

struct ProjectionArguments {
  int64_t remaining;
  const float* pull;  // [groups] or null
  double epsilon;
  float* keep;    // [groups], scratch: x~ = keep * x + u
  uint8_t* zero;  // [groups], scratch: the group becomes exactly 0
  float* result;  // [groups][2]: norm before the step, 1 where the group is zero now
};

// After launch_measure: decides every group, then steps every slice and zeroes its carrier and
// moments.
void launch_half_space_projection(const DeviceSlices& slices, const ProjectionArguments& arguments);

}  // namespace lorashear
