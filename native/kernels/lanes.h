// Four to sixteen float32 lanes, loaded from and stored to fp32, bf16 and f16: compiler vectors,
// so that one text becomes AVX2, SSE or NEON code, with AVX-512's own conversions where it is
// compiled for it. Only lines_body.h includes this, once for each instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/lines.h"

#define LORASHEAR_INLINE inline __attribute__((always_inline))

namespace lorashear::LORASHEAR_ISA {

// Lanes of one vector. GCC sends vectors wider than the processor's through memory, and splits
// __builtin_convertvector of 16 lanes in two where AVX-512 has one instruction.
#ifdef LORASHEAR_AVX512
constexpr int64_t kWidth = 16;
#elif defined(LORASHEAR_AVX2)
constexpr int64_t kWidth = 8;
#else
constexpr int64_t kWidth = 4;
#endif
using Floats = float __attribute__((vector_size(4 * kWidth)));
using Words = uint32_t __attribute__((vector_size(4 * kWidth)));
using Ints = int32_t __attribute__((vector_size(4 * kWidth)));
using Halves = uint16_t __attribute__((vector_size(2 * kWidth)));

LORASHEAR_INLINE void widen(const Halves& from, Words& to) {
#ifdef LORASHEAR_AVX512
  to = reinterpret_cast<Words>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(from)));
#else
  to = __builtin_convertvector(from, Words);
#endif
}

LORASHEAR_INLINE void narrow(const Words& from, Halves& to) {
#ifdef LORASHEAR_AVX512
  to = reinterpret_cast<Halves>(_mm512_cvtepi32_epi16(reinterpret_cast<__m512i>(from)));
#elif defined(LORASHEAR_AVX2)
  const __m256i words = reinterpret_cast<__m256i>(from);  // each below 2^16
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(words, words), 0x08);
  to = reinterpret_cast<Halves>(_mm256_castsi256_si128(packed));
#else
  to = __builtin_convertvector(from, Halves);
#endif
}

// Vectors go by reference: passing them by value has an ABI that depends on the target.
LORASHEAR_INLINE void load(const float* from, Floats& value) {
  std::memcpy(&value, from, sizeof value);
}

LORASHEAR_INLINE void load(const c10::BFloat16* from, Floats& value) {
  Halves raw;
  Words bits;
  std::memcpy(&raw, static_cast<const void*>(from), sizeof raw);
  widen(raw, bits);
  value = reinterpret_cast<Floats>(bits << 16);
}

LORASHEAR_INLINE void load(const c10::Half* from, Floats& value) {
  Halves raw;
  std::memcpy(&raw, static_cast<const void*>(from), sizeof raw);
#ifdef LORASHEAR_AVX512
  value = reinterpret_cast<Floats>(_mm512_cvtph_ps(reinterpret_cast<__m256i>(raw)));
#elif defined(LORASHEAR_AVX2)
  value = reinterpret_cast<Floats>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(raw)));
#else
  Words half;
  widen(raw, half);
  const Words shifted = (half & 0x7fffu) << 13;
  // Moves the exponent's bias from 15 to 127; exact for subnormals too.
  Words bits = reinterpret_cast<Words>(reinterpret_cast<Floats>(shifted) * 0x1p112f);
  bits = (half & 0x7c00u) == 0x7c00u ? (shifted | 0x7f800000u) : bits;
  value = reinterpret_cast<Floats>(bits | (half & 0x8000u) << 16);
#endif
}

// The stores round to nearest even and give the stored bits, of which `magnitude_bits` are set
// where a value is not 0.
template <typename T>
constexpr uint32_t magnitude_bits = sizeof(T) == 4 ? 0x7fffffffu : 0x7fff7fffu;

LORASHEAR_INLINE void store(float* to, const Floats& value, Words& stored) {
  stored = reinterpret_cast<Words>(value);
  std::memcpy(to, &value, sizeof value);
}

// What is subnormal becomes 0 of its sign, as the processor's own conversion does it.
LORASHEAR_INLINE void store(c10::BFloat16* to, const Floats& value, Words& stored) {
  Halves raw;
#ifdef LORASHEAR_AVX512_BF16
  raw = reinterpret_cast<Halves>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(value)));
  stored = reinterpret_cast<Words>(_mm512_zextsi256_si512(reinterpret_cast<__m256i>(raw)));
#else
  const Words bits = reinterpret_cast<Words>(value);
  stored = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  stored = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : stored;
  stored = (bits & 0x7f800000u) == 0 ? (bits >> 16) & 0x8000u : stored;
  narrow(stored, raw);
#endif
  std::memcpy(static_cast<void*>(to), &raw, sizeof raw);
}

LORASHEAR_INLINE void store(c10::Half* to, const Floats& value, Words& stored) {
  Halves raw;
#ifdef LORASHEAR_AVX512
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  raw = reinterpret_cast<Halves>(_mm512_cvtps_ph(reinterpret_cast<__m512>(value), nearest));
  stored = reinterpret_cast<Words>(_mm512_zextsi256_si512(reinterpret_cast<__m256i>(raw)));
#elif defined(LORASHEAR_AVX2)
  raw = reinterpret_cast<Halves>(
      _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT));
  stored = reinterpret_cast<Words>(_mm256_zextsi128_si256(reinterpret_cast<__m128i>(raw)));
#else
  Words bits = reinterpret_cast<Words>(value);
  const Words sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  // Below 2^-14: adding 0.5 lets the float adder round at f16's last subnormal bit.
  const Floats small = reinterpret_cast<Floats>(bits) + 0.5f;
  const Words subnormal = reinterpret_cast<Words>(small) - 0x3f000000u;
  const Words normal = (bits + 0xc8000fffu + ((bits >> 13) & 1u)) >> 13;
  const Words over = bits > 0x7f800000u ? (bits & 0u) + 0x7e00u : (bits & 0u) + 0x7c00u;
  stored = bits < 0x38800000u ? subnormal : normal;
  stored = bits >= 0x47800000u ? over : stored;
  stored |= sign;
  narrow(stored, raw);
#endif
  std::memcpy(static_cast<void*>(to), &raw, sizeof raw);
}

// Stores only the lanes whose bit is set: their neighbours may be another thread's. Here `stored`
// has the bits of each lane in its own word.
template <typename T>
LORASHEAR_INLINE void store_chosen(T* to, const Floats& value, uint32_t chosen, Words& stored) {
  alignas(64) T lanes[kWidth];
  store(lanes, value, stored);
  if constexpr (sizeof(T) == 2) {
    Halves raw;
    std::memcpy(&raw, static_cast<const void*>(lanes), sizeof raw);
    widen(raw, stored);
  }
#ifdef LORASHEAR_AVX512
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>(chosen), reinterpret_cast<__m512>(value));
  } else {
    __m256i raw;
    std::memcpy(&raw, static_cast<const void*>(lanes), sizeof raw);
    _mm256_mask_storeu_epi16(to, static_cast<__mmask16>(chosen), raw);
  }
#else
#ifdef LORASHEAR_AVX2
  if constexpr (sizeof(T) == 4) {
    const Words bit = {1, 2, 4, 8, 16, 32, 64, 128};
    const Words mask = (bit & chosen) != 0;
    _mm256_maskstore_ps(to, reinterpret_cast<__m256i>(mask), reinterpret_cast<__m256>(value));
    return;
  }
#endif
  constexpr uint32_t all = (1u << kWidth) - 1;
  if ((chosen & all) == all) {
    std::memcpy(static_cast<void*>(to), static_cast<const void*>(lanes), sizeof lanes);
    return;
  }
  for (uint32_t left = chosen & all; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    to[lane] = lanes[lane];
  }
#endif
}

// Sum of the lanes in a fixed order (halves, then quarters, ...), in double.
LORASHEAR_INLINE double sum(const Floats& value) {
#ifdef LORASHEAR_AVX512
  const __m512 lanes = reinterpret_cast<__m512>(value);
  const __m512d pairs = _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(lanes)),
                                      _mm512_cvtps_pd(_mm512_extractf32x8_ps(lanes, 1)));
  const __m256d quarters =
      _mm256_add_pd(_mm512_castpd512_pd256(pairs), _mm512_extractf64x4_pd(pairs, 1));
  const __m128d halves =
      _mm_add_pd(_mm256_castpd256_pd128(quarters), _mm256_extractf128_pd(quarters, 1));
  return _mm_cvtsd_f64(halves) + _mm_cvtsd_f64(_mm_unpackhi_pd(halves, halves));
#else
  double part[kWidth / 2];
  for (int64_t i = 0; i < kWidth / 2; ++i) {
    part[i] = static_cast<double>(value[i]) + static_cast<double>(value[i + kWidth / 2]);
  }
  for (int64_t width = kWidth / 4; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) part[i] += part[i + width];
  }
  return part[0];
#endif
}

LORASHEAR_INLINE float greatest_lane(const Floats& value) {
#ifdef LORASHEAR_AVX512
  return _mm512_reduce_max_ps(reinterpret_cast<__m512>(value));
#else
  float most = value[0];
  for (int64_t lane = 1; lane < kWidth; ++lane) most = std::max(most, value[lane]);
  return most;
#endif
}

LORASHEAR_INLINE uint32_t any(const Words& bits) {
#ifdef LORASHEAR_AVX512
  return _mm512_reduce_or_epi32(reinterpret_cast<__m512i>(bits));
#else
  uint32_t all = 0;
  for (int64_t lane = 0; lane < kWidth; ++lane) all |= bits[lane];
  return all;
#endif
}

}  // namespace lorashear::LORASHEAR_ISA
