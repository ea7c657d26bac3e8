// The inner loops over one or two contiguous slices, compiled for several instruction sets
// (lines.cc).
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>

namespace lorashear {

// ||x_i||^2, <x_i, u_i>, ||u_i||^2 of one slice.
struct SliceSums {
  double xx = 0;
  double xu = 0;
  double uu = 0;
};

// Ranks are padded with zeros to this, larger ones to a multiple of it.
constexpr int64_t kRankUnit = 8;

// One or two slices with u[row] = coefficients[row] . basis. T is float, c10::BFloat16 or
// c10::Half.
template <typename T>
struct Lines {
  int rows;        // 1 or 2
  int64_t length;  // elements of each slice
  T* x[2];
  const T* next[2];  // what will be wanted next (prefetched at the same offsets); may be x itself
  const float* coefficients;  // [rows][rank]
  const float* basis;         // [ceil(length / 16)][rank][16], zero padded, aligned to 64 bytes
  int64_t rank;               // 0, or a multiple of kRankUnit
  float* u;        // [rows][stride], stride a multiple of 16: measure leaves u here and apply
  int64_t stride;  // takes it from here; null: apply makes u again
};

// Adds to sums[row]; uu only if `energy`. Sixteen float32 accumulators to a sum: a few thousand
// elements at a time.
void measure_lines(const Lines<float>& lines, bool energy, SliceSums* sums);
void measure_lines(const Lines<c10::BFloat16>& lines, bool energy, SliceSums* sums);
void measure_lines(const Lines<c10::Half>& lines, bool energy, SliceSums* sums);

// x[row] = keep[row] * x[row] + u[row]; nonzero[row] |= whether something but zero was stored.
void apply_lines(const Lines<float>& lines, const float* keep, uint8_t* nonzero);
void apply_lines(const Lines<c10::BFloat16>& lines, const float* keep, uint8_t* nonzero);
void apply_lines(const Lines<c10::Half>& lines, const float* keep, uint8_t* nonzero);

}  // namespace lorashear
