// Whether AMX's tiles serve here, and float32 numbers as sums of bf16 ones, which are all that
// tiles multiply. Three have all bits of a float32; numbers below 2^-110 lose some, and what is not
// finite gives NaN.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <type_traits>

#include "kernels/loops_x86.h"
#include "kernels/packed/engine.h"

namespace lorashear::amx {

using c10::BFloat16;
using packed::Strided;
using packed::Sums;

// bf16 numbers whose sum is a float32, and those that a number of type T is split into.
constexpr int64_t kParts = 3;
template <typename T>
constexpr int64_t parts_of = std::is_same_v<T, float> ? kParts : 1;

// Rows and columns of sums that are worked on together, and products that one instruction adds up.
constexpr int64_t kSide = 32;
constexpr int64_t kDepth = 32;

// Whether the products of this folder are in this build.
#ifdef LORASHEAR_X86_SETS
constexpr bool kCompiled = true;
#else
constexpr bool kCompiled = false;
#endif

// Whether this processor, its system and libtorch's settings permit them.
bool available();

}  // namespace lorashear::amx
