// The inner loops over one or two contiguous slices, compiled for several instruction sets
// (lines_body.h).
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <type_traits>

namespace lorashear {

// ||x_i||^2, <x_i, u_i>, ||u_i||^2 of one slice.
struct SliceSums {
  double xx = 0;
  double xu = 0;
  double uu = 0;
};

// Elements worked on at once, whatever the processor.
constexpr int64_t kLanes = 16;

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
};

// The loops of one instruction set and storage. Sums have sixteen float32 accumulators each: give
// them a few thousand elements at a time.
template <typename T>
struct LineLoops {
  // Adds to sums[row]; uu only if `energy`.
  void (*measure)(const Lines<T>&, bool energy, SliceSums* sums);
  // x[row] = keep[row] * x[row] + u[row]; nonzero[row] |= whether something but zero was stored.
  void (*apply)(const Lines<T>&, const float* keep, uint8_t* nonzero);
  // Both in one pass: sums of what x was, without uu, and x = keep * x + u.
  void (*advance)(const Lines<T>&, float keep, SliceSums* sums, uint8_t* nonzero);
};

struct LineSet {
  LineLoops<float> f32;
  LineLoops<c10::BFloat16> bf16;
  LineLoops<c10::Half> f16;
};

// The best set that this processor has and that libtorch's own ATEN_CPU_CAPABILITY permits.
const LineSet& line_set();

template <typename T>
const LineLoops<T>& line_loops() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return line_set().f32;
  } else if constexpr (std::is_same_v<T, c10::BFloat16>) {
    return line_set().bf16;
  } else {
    return line_set().f16;
  }
}

}  // namespace lorashear
