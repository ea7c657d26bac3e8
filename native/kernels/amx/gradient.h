// The gradients of low-rank factors, coefficients^T x, by AMX's tiles, from all parts of both.
#pragma once

#include <vector>

#include "kernels/amx/panels.h"

namespace lorashear::amx {

// Columns of a gradient that are worked on together.
constexpr int64_t kColumns = 128;

// Ranks of one factor among all that meet the same x.
struct Ranks {
  int64_t count, before, all;
};

// A gradient (ranks, n).
struct Part {
  Ranks ranks;
  Strided<float> to;
};

// Writes some ranks of [rows / 32][basis_width][32] bf16 as low_rank_gradient of rows of T reads
// them; what it does not write must be 0.
template <typename T>
void pack_coefficients(const Strided<const float>& from, int64_t rows, const Ranks& ranks,
                       float* to);

// Columns begin ... begin + kColumns - 1 of coefficients^T x for r packed coefficients a row.
template <typename T>
void low_rank_gradient(const T* x, int64_t stride, int64_t rows, int64_t n,
                       const float* coefficients, int64_t r, int64_t begin,
                       const std::vector<Part>& to);

}  // namespace lorashear::amx
