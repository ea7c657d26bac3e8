// Panels of 32 rows or columns of a product's operands, packed as AMX's tiles want them. A step is
// kDepth products deep.
//
//   left panel   [steps][parts][32 rows][32]
//   right panel  [steps][parts][16 pairs][32 columns][2]
//
// The low-rank term x A^T B^T has panels of its own: h = x A^T on the left and B on the right,
// whose parts that meet lie one after the other as if they were bf16.
#pragma once

#include "kernels/amx/amx.h"
#include "kernels/tiles.h"

namespace lorashear::amx {

// Elements of a panel of so many steps.
template <typename T>
constexpr int64_t panel_size(int64_t steps) {
  return steps * parts_of<T> * kSide * kDepth;
}

constexpr int64_t steps_of(int64_t k) {
  return (k + kDepth - 1) / kDepth;
}

// The parts of h and B that meet in a term: all that count in float32, and what is far above the
// last bit of bf16.
template <typename T>
struct Meetings {
  static constexpr int64_t count = std::is_same_v<T, float> ? 6 : 3;
  static constexpr int of_h[] = {0, 1, 0, 1, 2, 0};
  static constexpr int of_b[] = {0, 0, 1, 1, 0, 2};
};

// Elements of the panel of a term of rank r.
template <typename T>
constexpr int64_t term_size(int64_t r) {
  return panel_size<BFloat16>(steps_of(Meetings<T>::count * ceil_to(r, 2)));
}

// rows (1 to 32) rows of k elements.
template <typename T>
void pack_left(const T* x, int64_t stride, int64_t rows, int64_t k, BFloat16* to);

// Columns of k elements, from[column][element], as panels that begin `distance` elements apart.
template <typename T>
void pack_right(const Strided<const T>& from, int64_t columns, int64_t k, BFloat16* to,
                int64_t distance);

constexpr int64_t basis_width(int64_t r) {
  return ceil_to(kParts * r, kSide);
}

// The parts of a basis (r, k), [k / 2 pairs][basis_width][2]: those of a part lie beside each
// other.
template <typename T>
void pack_basis(const Strided<const float>& basis, int64_t r, int64_t k, BFloat16* to);

// A term's panels: h (rows, r) with rows `stride` apart, and columns of factor[column][rank].
template <typename T>
void pack_left_term(const float* h, int64_t stride, int64_t rows, int64_t r, BFloat16* to);
template <typename T>
void pack_right_term(const Strided<const float>& factor, int64_t columns, int64_t r, BFloat16* to);

}  // namespace lorashear::amx
