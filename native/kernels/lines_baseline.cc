// The loops over slices for whatever the compiler may assume of every processor: SSE2 on x86-64,
// NEON on arm64.
#define LORASHEAR_ISA baseline
#include "kernels/lines_body.h"
