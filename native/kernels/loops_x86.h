// All headers that the loops need when they are compiled for a certain x86 instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/instruction_set.h"
#include "kernels/lines.h"

#ifdef LORASHEAR_X86_SETS
#include <immintrin.h>
#endif
