// AMX's tiles as an engine of packed products.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/amx/multiply.h"

namespace lorashear::amx {

// Whether tiles multiply x, as its type, device, the number of its rows and this processor are.
bool suits(const at::Tensor& x);

template <typename T>
struct Tiles {
  using Type = T;
  using Operand = BFloat16;
  static constexpr int64_t kRows = kSide, kColumns = kSide, kDepth = amx::kDepth;
  // Most steps that are added up at once: y keeps no other sums than float32.
  static constexpr int64_t kMostSteps = std::is_same_v<T, float> ? 24 : int64_t{1} << 40;
  // Packed columns that a thread keeps in L2 for a while.
  static constexpr int64_t kRightElements = 512 << 10;

  static constexpr int64_t left_size(int64_t steps) { return panel_size<T>(steps); }
  static constexpr int64_t right_size(int64_t steps) { return panel_size<T>(steps); }
  static constexpr int64_t left_term(int64_t r) { return term_size<T>(r); }
  static constexpr int64_t right_term(int64_t r) { return term_size<T>(r); }
  static constexpr int64_t basis_size(int64_t r, int64_t k) {
    return steps_of(k) * kDepth * basis_width(r);
  }

  static void pack_left(const T* x, int64_t stride, int64_t rows, int64_t k, BFloat16* to) {
    amx::pack_left(x, stride, rows, k, to);
  }
  static void pack_right(const Strided<const T>& from, int64_t columns, int64_t k, BFloat16* to,
                         int64_t distance) {
    amx::pack_right(from, columns, k, to, distance);
  }
  static void pack_basis(const Strided<const float>& basis, int64_t r, int64_t k, BFloat16* to) {
    amx::pack_basis<T>(basis, r, k, to);
  }
  static void pack_left_term(const float* h, int64_t stride, int64_t rows, int64_t r,
                             BFloat16* to) {
    amx::pack_left_term<T>(h, stride, rows, r, to);
  }
  static void pack_right_term(const Strided<const float>& factor, int64_t columns, int64_t r,
                              BFloat16* to) {
    amx::pack_right_term<T>(factor, columns, r, to);
  }
  static void low_rank(const BFloat16* left, int64_t steps, const BFloat16* basis, int64_t r,
                       float scale, int64_t rows, float* h) {
    amx::low_rank<T>(left, steps, basis, r, scale, rows, h);
  }
  static void multiply(const Panels& left, const Panels& right, const packed::Depth& depth,
                       const Sums<T>& sums) {
    int64_t of_terms = 0;
    for (const int64_t r : depth.ranks) of_terms += term_size<T>(r);
    multiply_panels<T>(left, right, {depth.steps, of_terms / panel_size<BFloat16>(1)}, sums);
  }
};

}  // namespace lorashear::amx
