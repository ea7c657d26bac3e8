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
    stream_right(right);
    multiply();
  }
}

// What is read next, and how many elements of it are fetched into L2 at each step.
struct Ahead {
  const BFloat16* from;
  int64_t elements;
};

template <typename T>
INLINE void add_steps(const BFloat16* left, const BFloat16* right, int64_t steps, Ahead& ahead) {
  for (; steps > 0; --steps) {
    const BFloat16* const end = ahead.from + ahead.elements;
    for (; ahead.from < end; ahead.from += 32) _mm_prefetch(ahead.from, _MM_HINT_T1);
    multiply_step<T>(left, right);
    left += parts_of<T> * kStep;
    right += parts_of<T> * kStep;
  }
}

// Steps of bf16 after which sums are put aside, so that left rows stay in L1. A step of bf16 reads
// both sides as fast as L2 can; one of float32 multiplies six times as much.
constexpr int64_t kStepsInL1 = 16;

template <typename T>
INLINE Sums<T> part_of(Sums<T> sums, int64_t row, int64_t column) {
  sums.y += row * sums.stride + column;
  sums.rows = std::min(kSide, sums.rows - row);
  sums.columns = std::min(kSide, sums.columns - column);
  if (sums.bias) sums.bias += column;
  return sums;
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
  constexpr bool wide = std::is_same_v<T, float>;
  const int64_t times = wide ? 1 : (depth.steps + kStepsInL1 - 1) / kStepsInL1;
  const LaneBuffer aside(times > 1 ? ceil_to(sums.columns, kSide) * kSide : kSide * kSide);
  configure(kSide);
  for (int64_t row = 0; row < sums.rows; row += kSide) {
    for (int64_t time = 0; time < times; ++time) {
      const int64_t begin = depth.steps * time / times, end = depth.steps * (time + 1) / times;
      // Left rows come from L3, which is late: those of the next turn are fetched during this one.
      const int64_t next = (row / kSide + (end == depth.steps)) * left.distance;
      Ahead ahead{left.first + next + panel_size<T>(end % depth.steps),
                  panel_size<T>(1) / ((sums.columns + kSide - 1) / kSide)};
      for (int64_t column = 0; column < sums.columns; column += kSide) {
        const BFloat16* a = left.first + row / kSide * left.distance;
        const BFloat16* b = right.first + column / kSide * right.distance;
        const Sums<T> to = part_of(sums, row, column);
        const bool last = time + 1 == times,
                   direct = wide && !to.bias && to.rows == kSide && to.columns == kSide;
        float* at = aside.data() + (times > 1 ? column * kSide : 0);
        int64_t stride = kSide;
        if constexpr (wide) {
          if (direct) at = to.y, stride = to.stride;
        }
        settle();
        if (time > 0 || (direct && to.add))
          load_sums(at, stride);
        else
          clear_sums();
        add_steps<T>(a + panel_size<T>(begin), b + panel_size<T>(begin), end - begin, ahead);
        Ahead none{};
        if (last) add_steps<BFloat16>(a + left.terms, b + right.terms, depth.of_terms, none);
        store_sums(at, stride);
        if (last && !direct) write(at, to);
      }
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
