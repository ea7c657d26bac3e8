// The inner loops over a few contiguous slices, compiled for several instruction sets
// (lines_body.h).
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <type_traits>

#include "kernels/instruction_set.h"

namespace lorashear {

// ||x_i||^2 and <x_i, u_i> of one slice.
struct SliceSums {
  double xx = 0;
  double xu = 0;
};

// Elements worked on at once, whatever the processor.
constexpr int64_t kLanes = 16;

// Ranks are padded with zeros to this, larger ones to a multiple of it.
constexpr int64_t kRankUnit = 8;

// Most slices of one call: three where only sums are made at the usual rank, else two.
constexpr int64_t kMostRows = 3;

// One to three slices with u[row] = coefficients[row] . basis. T is float, c10::BFloat16 or
// c10::Half.
template <typename T>
struct Lines {
  int rows;        // up to rows_at_once()
  int64_t length;  // elements of each slice
  T* x[kMostRows];
  const T* next[kMostRows];   // what will be wanted next (prefetched at the same offsets); may be x
                              // itself
  const float* coefficients;  // [rows][rank]
  const float* basis;         // [ceil(length / 16)][rank][16], zero padded, aligned to 64 bytes
  int64_t rank;               // 0, or a multiple of kRankUnit
};

// Columns of a row-major matrix, in blocks of kLanes neighbours of which some are chosen, with
// u[row][column] = coefficients[row] . basis[column]. What is known of a column has its place in
// arrays of [blocks][kLanes], also where a lane is not chosen.
template <typename T>
struct Columns {
  T* x;
  int64_t stride;       // from row to row
  int64_t rows, width;  // of x
  int64_t first, last;  // the rows to walk: first ... last - 1
  int64_t ahead;        // how many rows before the work memory is fetched
  int64_t blocks;
  const int64_t* offset;      // [blocks] the first column of each
  const uint32_t* chosen;     // [blocks] bit i: column offset + i takes part
  const float* coefficients;  // [rows][rank]
  const float* basis;         // [blocks][rank][kLanes], aligned to 64 bytes
  int64_t rank;               // 0, or a multiple of kRankUnit
  const float* keep;          // null: nothing is written; else x = keep * x + u
  float* xx;                  // null: no sums; else x^2 and x u of what x was are added
  float* xu;
  uint32_t* nonzero;  // with keep: not 0 where something but zero was stored
};

// The loops of one instruction set and storage.
template <typename T>
struct LineLoops {
  // Adds to sums[row] what x is; then, with keep, x[row] = keep[row] * x[row] + u[row] and
  // nonzero[row] |= whether something but zero was stored. sums, or keep and nonzero, may be null.
  // Sums have sixteen float32 accumulators each: give them a few thousand elements at a time.
  void (*pass)(const Lines<T>&, const float* keep, SliceSums* sums, uint8_t* nonzero);
  // How many slices a pass takes at once.
  int64_t (*rows_at_once)(int64_t rank, bool writes);
  // The same for columns: a few hundred rows at a time.
  void (*walk)(const Columns<T>&);
};

using LineSet = OfStorages<LineLoops>;

// The best set that this processor has and that libtorch's own ATEN_CPU_CAPABILITY permits.
const LineSet& line_set();

template <typename T>
const LineLoops<T>& line_loops() {
  return line_set().template of<T>();
}

}  // namespace lorashear
