// The gradient of a low-rank factor, coefficients^T x, by AMX's tiles, from all parts of both.
#pragma once

#include "kernels/amx/amx.h"
#include "kernels/tiles.h"

namespace lorashear::amx {

// Columns of a gradient that are worked on together.
constexpr int64_t kColumns = 128;

// coefficients (rows, r) as low_rank_gradient of rows of T takes them.
template <typename T>
LaneBuffer pack_gradient(const Strided<const float>& coefficients, int64_t rows, int64_t r);
// to (r, n) = coefficients^T x, its columns begin ... begin + kColumns - 1
template <typename T>
void low_rank_gradient(const T* x, int64_t stride, int64_t rows, int64_t n,
                       const LaneBuffer& coefficients, int64_t r, int64_t begin,
                       const Strided<float>& to);

}  // namespace lorashear::amx
