// Tiles of AMX and bf16 parts of float32 vectors, as text. Sums are two tiles beside each other and
// two below. From here on a file is compiled for AMX, to the end of its own pop_options: what other
// headers define inline must not be, so that they come before.
#pragma once

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c,amx-tile,amx-bf16,prefer-vector-width=512")

#define INLINE inline __attribute__((always_inline))

namespace lorashear::amx {
namespace {

constexpr int64_t kLanes = 16;             // float32 of a vector
constexpr int64_t kStep = kSide * kDepth;  // elements of a step's part

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

INLINE void load_sums(const float* from, int64_t stride) {
  _tile_loadd(0, from, stride * 4);
  _tile_loadd(1, from + 16, stride * 4);
  _tile_loadd(2, from + 16 * stride, stride * 4);
  _tile_loadd(3, from + 16 * stride + 16, stride * 4);
}

INLINE void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

// 32 rows of 32 bf16.
INLINE void load_left(const BFloat16* from) {
  _tile_loadd(4, from, 64);
  _tile_loadd(5, from + 16 * kDepth, 64);
}

// 16 rows of 32 pairs of bf16.
INLINE void load_right(const BFloat16* from, int64_t stride = 2 * kSide) {
  _tile_loadd(6, from, stride * 2);
  _tile_loadd(7, from + kSide, stride * 2);
}

// The same, past L1: left rows, which meet all columns, stay there.
INLINE void stream_right(const BFloat16* from) {
  _tile_stream_loadd(6, from, 4 * kSide);
  _tile_stream_loadd(7, from + kSide, 4 * kSide);
}

// sums += left right
INLINE void multiply() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

INLINE void store_sums(float* to, int64_t stride) {
  _tile_stored(0, to, stride * 4);
  _tile_stored(1, to + 16, stride * 4);
  _tile_stored(2, to + 16 * stride, stride * 4);
  _tile_stored(3, to + 16 * stride + 16, stride * 4);
  settle();
}

INLINE __m512i places_of(int64_t stride) {
  return _mm512_mullo_epi32(
      _mm512_set1_epi32(static_cast<int>(stride)),
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m512 load(const float* from, int64_t stride, __mmask16 mask) {
  if (stride == 1) return _mm512_maskz_loadu_ps(mask, from);
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, places_of(stride), from, 4);
}

INLINE __m512 widen(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

INLINE __m512i high_halves(__m512i words) {
  return _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000)));
}

// The bf16 nearest to a float32, ties away from 0, as the upper half of a word.
INLINE __m512i nearest(__m512 value) {
  return high_halves(_mm512_add_epi32(_mm512_castps_si512(value), _mm512_set1_epi32(0x8000)));
}

// The parts of two numbers, as pairs; what two parts leave has eight bits.
INLINE void split(__m512 first, __m512 second, __m512i (&parts)[kParts]) {
#pragma GCC unroll 2
  for (int p = 0; p < 2; ++p) {
    const __m512i a = nearest(first), b = nearest(second);
    parts[p] = _mm512_or_si512(_mm512_srli_epi32(a, 16), b);
    first = _mm512_sub_ps(first, _mm512_castsi512_ps(a));
    second = _mm512_sub_ps(second, _mm512_castsi512_ps(b));
  }
  parts[2] = _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(first), 16),
                             high_halves(_mm512_castps_si512(second)));
}

// The elements of a step that make its pairs: 0 and 16, 1 and 17, ... where they are float32, whose
// halves are vectors, and neighbours where they are bf16.
template <typename T>
constexpr int64_t first_of_pair(int64_t pair) {
  return std::is_same_v<T, float> ? pair : 2 * pair;
}
template <typename T>
constexpr int64_t kToSecond = std::is_same_v<T, float> ? kDepth / 2 : 1;

// The lines of the 32 elements from here.
template <typename T>
INLINE void prefetch(const T* from) {
  _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1);
  if (sizeof(T) == 4) _mm_prefetch(reinterpret_cast<const char*>(from + kLanes), _MM_HINT_T1);
}

INLINE __m512i load(const BFloat16* from, int64_t count) {
  return _mm512_maskz_loadu_epi16(first_of(count), from);
}

// One step of a right panel, [parts][16 pairs][32 columns][2], from `rows` rows (1 to 32) of
// `columns` elements; bf16 elements lie beside each other.
template <typename T>
INLINE void pack_step(const Strided<const T>& from, int64_t rows, int64_t columns, BFloat16* to) {
  // Words 0, 32, 1, 33, ... of both rows, and those from 16 on.
  const __m512i low = _mm512_add_epi32(
      _mm512_set1_epi32(0x200000), _mm512_mullo_epi32(places_of(1), _mm512_set1_epi32(0x10001)));
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(0x100010));
  for (int64_t pair = 0; pair < kDepth / 2; ++pair, to += 2 * kSide) {
    const int64_t row = first_of_pair<T>(pair), other = row + kToSecond<T>;
    const T *at = from.data + row * from.row, *below = from.data + other * from.row;
    prefetch(at + kDepth * from.row);
    prefetch(below + kDepth * from.row);
    if constexpr (std::is_same_v<T, float>) {
      for (int64_t column = 0; column < kSide; column += kLanes) {
        const __mmask16 mask = first_of(columns - column);
        __m512i parts[kParts];
        split(load(at + column * from.column, from.column, row < rows ? mask : 0),
              load(below + column * from.column, from.column, other < rows ? mask : 0), parts);
#pragma GCC unroll 3
        for (int64_t p = 0; p < kParts; ++p)
          _mm512_store_si512(to + p * kStep + 2 * column, parts[p]);
      }
    } else {
      const __m512i first = load(at, row < rows ? columns : 0);
      const __m512i second = load(below, other < rows ? columns : 0);
      _mm512_store_si512(to, _mm512_permutex2var_epi16(first, low, second));
      _mm512_store_si512(to + kSide, _mm512_permutex2var_epi16(first, high, second));
    }
  }
}

}  // namespace
}  // namespace lorashear::amx
