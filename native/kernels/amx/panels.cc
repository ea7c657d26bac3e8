// Packing rounds nothing away: a float32 is all of its parts.
#include "kernels/amx/panels.h"

#ifdef LORASHEAR_X86_SETS
#include "kernels/amx/tiles.h"  // after all others

namespace lorashear::amx {
namespace {

// The parts of 32 elements of a row.
template <typename T>
INLINE void split_row(const T* from, int64_t count, __m512i (&parts)[parts_of<T>]) {
  if constexpr (std::is_same_v<T, float>) {
    split(load(from, 1, first_of(count)), load(from + kLanes, 1, first_of(count - kLanes)), parts);
  } else {
    parts[0] = load(from, count);
  }
}

// 16 rows of 16 words become columns.
INLINE void transpose(__m512i (&rows)[16]) {
  __m512i other[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(other[i], other[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(other[i], other[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(other[i + 1], other[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(other[i + 1], other[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i a = _mm512_shuffle_i32x4(rows[i], rows[4 + i], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(rows[8 + i], rows[12 + i], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(rows[i], rows[4 + i], 0xdd);
    const __m512i d = _mm512_shuffle_i32x4(rows[8 + i], rows[12 + i], 0xdd);
    other[i] = _mm512_shuffle_i32x4(a, b, 0x88);
    other[4 + i] = _mm512_shuffle_i32x4(c, d, 0x88);
    other[8 + i] = _mm512_shuffle_i32x4(a, b, 0xdd);
    other[12 + i] = _mm512_shuffle_i32x4(c, d, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) rows[i] = other[i];
}

// A step of a right panel from 32 columns whose elements lie beside each other.
template <typename T>
INLINE void pack_columns(const T* from, int64_t stride, int64_t columns, int64_t count,
                         BFloat16* to) {
  constexpr int64_t parts = parts_of<T>;
  for (int64_t half = 0; half < kSide; half += 16) {
    __m512i words[parts][16];
#pragma GCC unroll 16
    for (int64_t i = 0; i < 16; ++i) {
      __m512i row[parts];
      const int64_t column = half + i;
      prefetch(from + (column + kSide) * stride);
      split_row(from + column * stride, column < columns ? count : 0, row);
#pragma GCC unroll 3
      for (int64_t p = 0; p < parts; ++p) words[p][i] = row[p];
    }
#pragma GCC unroll 3
    for (int64_t p = 0; p < parts; ++p) {
      transpose(words[p]);
#pragma GCC unroll 16
      for (int64_t i = 0; i < 16; ++i)
        _mm512_store_si512(to + p * kStep + 2 * (i * kSide + half), words[p][i]);
    }
  }
}

}  // namespace

template <typename T>
void pack_left(const T* x, int64_t stride, int64_t rows, int64_t k, BFloat16* to) {
  for (int64_t step = 0; step < k; step += kDepth, to += parts_of<T> * kStep) {
    for (int64_t i = 0; i < kSide; ++i) {
      const T* from = x + i * stride + step;
      prefetch(from + kSide * stride);
      __m512i parts[parts_of<T>];
      split_row(from, i < rows ? k - step : 0, parts);
#pragma GCC unroll 3
      for (int64_t p = 0; p < parts_of<T>; ++p)
        _mm512_store_si512(to + p * kStep + i * kDepth, parts[p]);
    }
  }
}

template <typename T>
void pack_right(const Strided<const T>& from, int64_t columns, int64_t k, BFloat16* to,
                int64_t distance) {
  constexpr int64_t size = parts_of<T> * kStep;
  if (from.column == 1) {
    for (int64_t column = 0; column < columns; column += kSide, to += distance) {
      for (int64_t step = 0; step < k; step += kDepth)
        pack_columns(from.data + column * from.row + step, from.row, columns - column, k - step,
                     to + step / kDepth * size);
    }
    return;
  }
  // Rows of elements lie beside each other: each is read over all columns.
  for (int64_t step = 0; step < k; step += kDepth, to += size) {
    for (int64_t column = 0; column < columns; column += kSide)
      pack_step<T>({from.data + step * from.column + column * from.row, from.column, from.row},
                   std::min(kDepth, k - step), std::min(kSide, columns - column),
                   to + column / kSide * distance);
  }
}

template <typename T>
void pack_basis(const Strided<const float>& basis, int64_t r, int64_t k, BFloat16* to) {
  const int64_t width = basis_width(r);
  std::fill_n(to, steps_of(k) * kDepth * width, BFloat16(0.0f));
  for (int64_t step = 0; step < k; step += kDepth) {
    for (int64_t pair = 0; pair < kDepth / 2; ++pair, to += 2 * width) {
      const int64_t i = step + first_of_pair<T>(pair), other = i + kToSecond<T>;
      for (int64_t rank = 0; rank < r; rank += kLanes) {
        const __mmask16 mask = first_of(r - rank);
        const float* at = basis.data + rank * basis.row;
        __m512i parts[kParts];
        split(load(at + i * basis.column, basis.row, i < k ? mask : 0),
              load(at + other * basis.column, basis.row, other < k ? mask : 0), parts);
#pragma GCC unroll 3
        for (int p = 0; p < kParts; ++p)
          _mm512_mask_storeu_epi32(to + 2 * (p * r + rank), mask, parts[p]);
      }
    }
  }
}

template <typename T>
void pack_left_term(const float* h, int64_t stride, int64_t rows, int64_t r, BFloat16* to) {
  const int64_t even = ceil_to(r, 2), depth = Meetings<T>::count * even;
  const LaneBuffer buffer(kSide * depth / 2);
  auto* row = reinterpret_cast<BFloat16*>(buffer.data());
  std::fill_n(row, rows * depth, BFloat16(0.0f));
  for (int64_t i = 0; i < rows; ++i, h += stride) {
    for (int64_t j = 0; j < r; j += kLanes) {
      const __mmask16 mask = first_of(r - j);
      __m512i parts[kParts];
      split(load(h + j, 1, mask), _mm512_setzero_ps(), parts);
      for (int64_t m = 0; m < Meetings<T>::count; ++m) {
        _mm256_mask_storeu_epi16(row + i * depth + m * even + j, mask,
                                 _mm512_cvtepi32_epi16(parts[Meetings<T>::of_h[m]]));
      }
    }
  }
  pack_left(row, depth, rows, depth, to);
}

template <typename T>
void pack_right_term(const Strided<const float>& factor, int64_t columns, int64_t r, BFloat16* to) {
  const int64_t half = ceil_to(r, 2) / 2;
  std::fill_n(to, term_size<T>(r), BFloat16(0.0f));
  for (int64_t rank = 0; rank < r; rank += 2) {
    for (int64_t column = 0; column < kSide; column += kLanes) {
      const __mmask16 mask = first_of(columns - column);
      const float* at = factor.data + rank * factor.column + column * factor.row;
      __m512i parts[kParts];
      split(load(at, factor.row, mask),
            load(at + factor.column, factor.row, rank + 1 < r ? mask : 0), parts);
      for (int64_t m = 0; m < Meetings<T>::count; ++m) {
        _mm512_store_si512(to + 2 * ((m * half + rank / 2) * kSide + column),
                           parts[Meetings<T>::of_b[m]]);
      }
    }
  }
}

#define LORASHEAR_INSTANTIATE(T)                                                              \
  template void pack_left<T>(const T*, int64_t, int64_t, int64_t, BFloat16*);                 \
  template void pack_right<T>(const Strided<const T>&, int64_t, int64_t, BFloat16*, int64_t); \
  template void pack_basis<T>(const Strided<const float>&, int64_t, int64_t, BFloat16*);      \
  template void pack_left_term<T>(const float*, int64_t, int64_t, int64_t, BFloat16*);        \
  template void pack_right_term<T>(const Strided<const float>&, int64_t, int64_t, BFloat16*);
LORASHEAR_INSTANTIATE(float)
LORASHEAR_INSTANTIATE(BFloat16)

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
