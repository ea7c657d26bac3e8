// Tiles of AMX and bf16 parts of float32 vectors, as text: amx.cc includes this, compiled for both.
#pragma once

#define INLINE inline __attribute__((always_inline))

namespace lorashear::amx {
namespace {

using c10::BFloat16;
constexpr int kParts = 3;       // bf16 numbers whose sum is a float32
constexpr int64_t kLanes = 16;  // float32 of a vector
constexpr int64_t kDepth = 32;  // products that one instruction adds up
constexpr int64_t kChunk = 64;  // rows of a gradient whose columns stay in L1

// The lanes of the first `count` elements of a vector.
INLINE __mmask32 first_of(int64_t count) {
  return count >= 32 ? ~0u : (1u << std::max<int64_t>(count, 0)) - 1;
}

// GCC does not know that loading a tile reads memory, and storing one writes it.
INLINE void settle() {
  asm volatile("" ::: "memory");
}

// For `rows` rows, 1 to 32, of sums; the lower tiles repeat the upper ones where there are none.
INLINE void configure(int64_t rows) {
  struct {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  const auto upper = static_cast<uint8_t>(std::min<int64_t>(rows, 16));
  const auto lower = static_cast<uint8_t>(rows > 16 ? rows - 16 : rows);
  config.rows[0] = config.rows[1] = config.rows[4] = upper;
  config.rows[2] = config.rows[3] = config.rows[5] = lower;
  settle();
  _tile_loadconfig(&config);
}

INLINE void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

// sums += [upper; lower] with: bf16 in rows of `stride`, and 16 rows of 32 pairs.
INLINE void multiply(const BFloat16* upper, const BFloat16* lower, int64_t stride,
                     const float* with, int64_t with_stride) {
  _tile_loadd(4, upper, stride * 2);
  _tile_loadd(6, with, with_stride * 4);
  _tile_loadd(5, lower, stride * 2);
  _tile_loadd(7, with + 16, with_stride * 4);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// Stores one of the four tiles of sums.
INLINE void store_sum(int tile, float* to, int64_t stride) {
  to += tile / 2 * 16 * stride + tile % 2 * 16;
  if (tile == 0) _tile_stored(0, to, stride * 4);
  if (tile == 1) _tile_stored(1, to, stride * 4);
  if (tile == 2) _tile_stored(2, to, stride * 4);
  if (tile == 3) _tile_stored(3, to, stride * 4);
  settle();
}

INLINE void store_sums(float* to, int64_t stride) {
#pragma GCC unroll 4
  for (int tile = 0; tile < 4; ++tile) store_sum(tile, to, stride);
}

INLINE __m512i steps_of(int64_t stride) {
  return _mm512_mullo_epi32(
      _mm512_set1_epi32(static_cast<int>(stride)),
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m512 load(const float* from, int64_t stride, __mmask16 mask) {
  if (stride == 1) return _mm512_maskz_loadu_ps(mask, from);
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, steps_of(stride), from, 4);
}

INLINE __m512 widen(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// The next bf16 of a float32; what is left of it stays.
INLINE __m256i next_part(__m512& value) {
  const auto part = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
  value = _mm512_sub_ps(value, widen(part));
  return part;
}

INLINE __m512i pairs(__m256i first, __m256i second) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(first),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
}

// write(pair, column, mask, parts) for two rows at a time and 16 columns.
template <typename Write>
INLINE void each_pair(const Strided& from, int64_t rows, int64_t columns, const Write& write) {
  for (int64_t row = 0; row < rows; row += 2) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      const __mmask16 mask = first_of(columns - column);
      const float* at = from.data + row * from.row + column * from.column;
      __m512 first = load(at, from.column, mask), second = _mm512_setzero_ps();
      if (row + 1 < rows) second = load(at + from.row, from.column, mask);
      __m512i parts[kParts];
#pragma GCC unroll 3
      for (__m512i& part : parts) {
        const __m256i of_first = next_part(first);
        part = pairs(of_first, next_part(second));
      }
      write(row / 2, column, mask, parts);
    }
  }
}

}  // namespace
}  // namespace lorashear::amx
