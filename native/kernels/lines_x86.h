// Whether the loops can be compiled for several x86 instruction sets in one build, and all headers
// that they need.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/lines.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LORASHEAR_X86_SETS
#include <immintrin.h>
#endif
