// The low-rank products of bf16 rows by AMX's tiles. A float32 factor is the sum of three bf16
// numbers, which have all of its bits, so that these are as exact as the loops of low_rank_body.h.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

#include "kernels/lines_x86.h"
#include "kernels/tiles.h"

namespace lorashear::amx {

// Rows that are worked on together; parts that threads take should be multiples.
constexpr int64_t kRows = 32;
// Columns of a gradient that are worked on together.
constexpr int64_t kColumns = 128;

// A matrix of float32 where it lies.
struct Strided {
  float* data;
  int64_t row;     // elements from one row to the next
  int64_t column;  // and from one column to the next
};

// Whether the products below are in this build.
#ifdef LORASHEAR_X86_SETS
constexpr bool kCompiled = true;
#else
constexpr bool kCompiled = false;
#endif

// Whether this processor, its system and libtorch's settings permit them.
bool available();

// basis (r, n) as low_rank_in takes it.
LaneBuffer pack_in(const Strided& basis, int64_t r, int64_t n);
// to (rows, r) contiguous = scale x basis^T
void low_rank_in(const c10::BFloat16* x, int64_t stride, int64_t rows, int64_t n,
                 const LaneBuffer& basis, int64_t r, float scale, float* to);

// basis (r, n) as low_rank_out takes it.
LaneBuffer pack_out(const Strided& basis, int64_t r, int64_t n);
// y (rows, n) contiguous += coefficients (rows, r) basis
void low_rank_out(c10::BFloat16* y, int64_t rows, int64_t n, const Strided& coefficients,
                  const LaneBuffer& basis, int64_t r);

// coefficients (rows, r) as low_rank_gradient takes them.
LaneBuffer pack_gradient(const Strided& coefficients, int64_t rows, int64_t r);
// to (r, n) = coefficients^T x, its columns begin ... begin + kColumns - 1
void low_rank_gradient(const c10::BFloat16* x, int64_t stride, int64_t rows, int64_t n,
                       const LaneBuffer& coefficients, int64_t r, int64_t begin, const Strided& to);

}  // namespace lorashear::amx
