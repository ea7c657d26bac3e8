// Sixteen float32 lanes, loaded from and stored to fp32, bf16 and f16: compiler vectors, so that
// one text becomes AVX-512, AVX2, SSE or NEON code by the target of the function it is inlined
// into.
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <cstring>

#define LORASHEAR_INLINE inline __attribute__((always_inline))

// One function body, compiled for several instruction sets and chosen by the loader for the
// processor at hand.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define LORASHEAR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LORASHEAR_CLONES
#endif

namespace lorashear {

constexpr int64_t kLanes = 16;
using F32x16 = float __attribute__((vector_size(64)));
using U32x16 = uint32_t __attribute__((vector_size(64)));
using I32x16 = int32_t __attribute__((vector_size(64)));
using U16x16 = uint16_t __attribute__((vector_size(32)));

// Vectors go by reference: passing them by value has an ABI that depends on the target.
LORASHEAR_INLINE void load(const float* from, F32x16& value) {
  std::memcpy(&value, from, sizeof value);
}

LORASHEAR_INLINE void load(const c10::BFloat16* from, F32x16& value) {
  U16x16 raw;
  std::memcpy(&raw, from, sizeof raw);
  const U32x16 bits = __builtin_convertvector(raw, U32x16) << 16;
  std::memcpy(&value, &bits, sizeof value);
}

LORASHEAR_INLINE void load(const c10::Half* from, F32x16& value) {
  U16x16 raw;
  std::memcpy(&raw, from, sizeof raw);
  const U32x16 half = __builtin_convertvector(raw, U32x16);
  const U32x16 shifted = (half & 0x7fffu) << 13;
  F32x16 magnitude;
  std::memcpy(&magnitude, &shifted, sizeof magnitude);
  magnitude *= 0x1p112f;  // moves the exponent's bias from 15 to 127; exact for subnormals too
  U32x16 bits;
  std::memcpy(&bits, &magnitude, sizeof bits);
  bits = (half & 0x7c00u) == 0x7c00u ? (shifted | 0x7f800000u) : bits;
  bits |= (half & 0x8000u) << 16;
  std::memcpy(&value, &bits, sizeof value);
}

// The stores round to nearest even and return in `nonzero` bits that are set where the stored value
// is not 0.
LORASHEAR_INLINE void store(float* to, const F32x16& value, U32x16& nonzero) {
  std::memcpy(&nonzero, &value, sizeof nonzero);
  nonzero &= 0x7fffffffu;
  std::memcpy(to, &value, sizeof value);
}

LORASHEAR_INLINE void store(c10::BFloat16* to, const F32x16& value, U32x16& nonzero) {
  U32x16 bits;
  std::memcpy(&bits, &value, sizeof bits);
  const U32x16 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const U32x16 stored = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded;
  const U16x16 raw = __builtin_convertvector(stored, U16x16);
  nonzero = stored & 0x7fffu;
  std::memcpy(to, &raw, sizeof raw);
}

LORASHEAR_INLINE void store(c10::Half* to, const F32x16& value, U32x16& nonzero) {
  U32x16 bits;
  std::memcpy(&bits, &value, sizeof bits);
  const U32x16 sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  F32x16 small;  // below 2^-14: adding 0.5 lets the float adder round at f16's last subnormal bit
  std::memcpy(&small, &bits, sizeof small);
  small += 0.5f;
  U32x16 subnormal;
  std::memcpy(&subnormal, &small, sizeof subnormal);
  subnormal -= 0x3f000000u;
  const U32x16 normal = (bits + 0xc8000fffu + ((bits >> 13) & 1u)) >> 13;
  const U32x16 over = bits > 0x7f800000u ? (bits & 0u) + 0x7e00u : (bits & 0u) + 0x7c00u;
  U32x16 stored = bits < 0x38800000u ? subnormal : normal;
  stored = bits >= 0x47800000u ? over : stored;
  const U16x16 raw = __builtin_convertvector(stored | sign, U16x16);
  nonzero = stored;
  std::memcpy(to, &raw, sizeof raw);
}

// Sum of the lanes in a fixed order (halves, then quarters, ...), in double.
LORASHEAR_INLINE double sum(const F32x16& value) {
  double part[kLanes / 2];
  for (int64_t i = 0; i < kLanes / 2; ++i) {
    part[i] = static_cast<double>(value[i]) + static_cast<double>(value[i + kLanes / 2]);
  }
  for (int64_t width = kLanes / 4; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) part[i] += part[i + width];
  }
  return part[0];
}

LORASHEAR_INLINE uint32_t any(const U32x16& bits) {
  uint32_t all = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) all |= bits[lane];
  return all;
}

}  // namespace lorashear
