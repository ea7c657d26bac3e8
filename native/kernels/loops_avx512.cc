// All loops for AVX-512.
#include "kernels/loops_x86.h"
#include "kernels/rows.h"

#ifdef LORASHEAR_X86_SETS
// After all other headers: what they define inline must not be compiled for this processor only.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prefer-vector-width=512")
#define LORASHEAR_ISA avx512
#define LORASHEAR_AVX512
#include "kernels/linear_cross_entropy/loops_body.h"
#include "kernels/lines_body.h"
#include "kernels/rows_body.h"
#pragma GCC pop_options
#endif
