// All loops for whatever the compiler may assume of every processor: SSE2 on x86-64,
// NEON on arm64.
#define LORASHEAR_ISA baseline
#include "kernels/rows.h"

// Behind what they are made of.
#include "kernels/linear_cross_entropy/loops_body.h"
#include "kernels/lines_body.h"
#include "kernels/rows_body.h"
