// oneDNN's blocks of float32 as an engine of packed products: for float32, and for bf16 and f16
// where the processor does not multiply them itself. A panel has the elements of each source one
// after the other, and then those of the terms, whose ranks are rounded up:
//
//   left panel   [128 rows][depth]
//   right panel  [depth][32 columns]
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/packed/engine.h"
#include "kernels/tiles.h"

namespace lorashear::blocks {

using packed::Strided;

// Whether blocks multiply x, as its type, device, the number of its rows and this processor are.
bool suits(const at::Tensor& x);

template <typename T>
struct Blocks {
  using Type = T;
  using Operand = float;
  using Panels = packed::Panels<float>;
  // With these sizes oneDNN's kernels come to 95 % of what an AVX2 processor can do; with 64
  // columns to 75 %.
  static constexpr int64_t kRows = 128, kColumns = 32, kDepth = 32;
  static constexpr int64_t kMostSteps = int64_t{1} << 40;
  // Packed columns that a thread keeps in L2 and L3 for a while.
  static constexpr int64_t kRightElements = 256 << 10;

  static constexpr int64_t depth_of(int64_t r) { return ceil_to(r, 8); }
  static constexpr int64_t left_size(int64_t steps) { return steps * kDepth * kRows; }
  static constexpr int64_t right_size(int64_t steps) { return steps * kDepth * kColumns; }
  static constexpr int64_t left_term(int64_t r) { return depth_of(r) * kRows; }
  static constexpr int64_t right_term(int64_t r) { return depth_of(r) * kColumns; }
  static constexpr int64_t basis_size(int64_t r, int64_t k) {
    return ceil_to(k, kDepth) * depth_of(r);
  }

  static void pack_left(const T* x, int64_t stride, int64_t rows, int64_t k, float* to);
  static void pack_right(const Strided<const T>& from, int64_t columns, int64_t k, float* to,
                         int64_t distance);
  // basis (r, k) as [k][r]
  static void pack_basis(const Strided<const float>& basis, int64_t r, int64_t k, float* to);
  static void pack_left_term(const float* h, int64_t stride, int64_t rows, int64_t r, float* to);
  static void pack_right_term(const Strided<const float>& factor, int64_t columns, int64_t r,
                              float* to);
  // h (rows, r) = scale x basis^T for the rows of a left panel
  static void low_rank(const float* left, int64_t steps, const float* basis, int64_t r, float scale,
                       int64_t rows, float* h);
  static void multiply(const Panels& left, const Panels& right, const packed::Depth& depth,
                       const packed::Sums<T>& sums);
};

}  // namespace lorashear::blocks
