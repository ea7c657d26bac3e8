// Six of the nine products of parts are made; the others are below the last bit of a float32.
#include "kernels/amx/multiply.h"

#ifdef LORASHEAR_X86_SETS
#include "kernels/amx/tiles.h"  // after all others

namespace lorashear::amx {
namespace {

// The products of one step; what both sides share is loaded once.
template <typename T>
INLINE void multiply_step(const BFloat16* left, const BFloat16* right) {
  if constexpr (std::is_same_v<T, float>) {
    load_left(left + 2 * kStep);
    load_right(right);
    multiply();  // 3 x 1
    load_left(left);
    multiply();  // 1 x 1
    load_right(right + 2 * kStep);
    multiply();  // 1 x 3
    load_right(right + kStep);
    multiply();  // 1 x 2
    load_left(left + kStep);
    multiply();  // 2 x 2
    load_right(right);
    multiply();  // 2 x 1
  } else {
    load_left(left);
    load_right(right);
    multiply();
  }
}

INLINE void write(const float* sum, const Sums<float>& to) {
  for (int64_t half = 0; half < to.columns; half += kLanes) {
    const __mmask16 mask = first_of(to.columns - half);
    const __m512 bias = _mm512_maskz_loadu_ps(to.bias ? mask : 0, to.bias + half);
    for (int64_t i = 0; i < to.rows; ++i) {
      float* at = to.y + i * to.stride + half;
      const __m512 had = _mm512_maskz_loadu_ps(to.add ? mask : 0, at);
      const __m512 more = _mm512_add_ps(_mm512_load_ps(sum + i * kSide + half), bias);
      _mm512_mask_storeu_ps(at, mask, _mm512_add_ps(had, more));
    }
  }
}

INLINE void write(const float* sum, const Sums<BFloat16>& to) {
  const __mmask32 mask = first_of(to.columns);
  const __m512i bias = _mm512_maskz_loadu_epi16(to.bias ? mask : 0, to.bias);
  const __m512 low = widen(_mm512_castsi512_si256(bias));
  const __m512 high = widen(_mm512_extracti64x4_epi64(bias, 1));
  for (int64_t i = 0; i < to.rows; ++i, sum += kSide) {
    const __m512 a = _mm512_add_ps(_mm512_load_ps(sum), low);
    const __m512 b = _mm512_add_ps(_mm512_load_ps(sum + kLanes), high);
    _mm512_mask_storeu_epi16(to.y + i * to.stride, mask,
                             reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
  }
}

}  // namespace

template <typename T>
void low_rank(const BFloat16* left, int64_t steps, const BFloat16* basis, int64_t r, float scale,
              int64_t rows, float* h) {
  const int64_t width = basis_width(r);
  const LaneBuffer sums(kSide * width);
  configure(kSide);
  for (int64_t column = 0; column < width; column += kSide) {
    settle();
    clear_sums();
    for (int64_t step = 0; step < steps; ++step) {
      load_right(basis + 2 * (step * kDepth / 2 * width + column), 2 * width);
#pragma GCC unroll 3
      for (int64_t p = parts_of<T>; p-- > 0;) {
        load_left(left + (step * parts_of<T> + p) * kStep);
        multiply();
      }
    }
    store_sums(sums.data() + column, width);
  }
  _tile_release();
  for (int64_t i = 0; i < rows; ++i, h += r) {
    const float* part = sums.data() + i * width;
    for (int64_t j = 0; j < r; j += kLanes) {
      const __mmask16 mask = first_of(r - j);
      __m512 sum = _mm512_setzero_ps();
      for (int64_t p = kParts; p-- > 0;)
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, part + p * r + j));
      _mm512_mask_storeu_ps(h + j, mask, _mm512_mul_ps(sum, _mm512_set1_ps(scale)));
    }
  }
}

template <typename T>
void multiply_panels(const Panels& left, const Panels& right, const Depth& depth,
                     const Sums<T>& sums) {
  alignas(64) float buffer[kSide * kSide];
  configure(kSide);
  for (int64_t row = 0; row < sums.rows; row += kSide) {
    for (int64_t column = 0; column < sums.columns; column += kSide) {
      const BFloat16* a = left.first + row / kSide * left.distance;
      const BFloat16* b = right.first + column / kSide * right.distance;
      Sums<T> to = sums;
      to.y += row * sums.stride + column;
      to.rows = std::min(kSide, sums.rows - row);
      to.columns = std::min(kSide, sums.columns - column);
      if (to.bias) to.bias += column;
      bool direct = false;
      if constexpr (std::is_same_v<T, float>)
        direct = !to.bias && to.rows == kSide && to.columns == kSide;
      settle();
      if constexpr (std::is_same_v<T, float>) {
        if (direct && to.add) load_sums(to.y, to.stride);
      }
      if (!direct || !to.add) clear_sums();
      const BFloat16 *term = a + left.terms, *with = b + right.terms;
      for (int64_t step = 0; step < depth.steps; ++step) {
        multiply_step<T>(a, b);
        a += parts_of<T> * kStep;
        b += parts_of<T> * kStep;
      }
      for (int64_t step = 0; step < depth.of_terms; ++step) {
        multiply_step<BFloat16>(term, with);
        term += kStep;
        with += kStep;
      }
      if constexpr (std::is_same_v<T, float>) {
        if (direct) store_sums(to.y, to.stride);
      }
      if (direct) continue;
      store_sums(buffer, kSide);
      write(buffer, to);
    }
  }
  _tile_release();
}

#define LORASHEAR_INSTANTIATE(T)                                                                \
  template void low_rank<T>(const BFloat16*, int64_t, const BFloat16*, int64_t, float, int64_t, \
                            float*);                                                            \
  template void multiply_panels<T>(const Panels&, const Panels&, const Depth&, const Sums<T>&);
LORASHEAR_INSTANTIATE(float)
LORASHEAR_INSTANTIATE(BFloat16)

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
