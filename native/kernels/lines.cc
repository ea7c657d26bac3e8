// Chooses the instruction set once.
#include "kernels/lines.h"

#include <ATen/Version.h>

#include "kernels/lines_x86.h"

namespace lorashear {

namespace baseline {
extern const LineSet loops;
}
#ifdef LORASHEAR_X86_SETS
namespace avx2 {
extern const LineSet loops;
}
namespace avx512 {
extern const LineSet loops;
}
namespace avx512_bf16 {
extern const LineSet loops;
}
#endif

namespace {

const LineSet& choose() {
#ifdef LORASHEAR_X86_SETS
  const std::string permitted = at::get_cpu_capability();
  if (permitted == "AVX512" && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return __builtin_cpu_supports("avx512bf16") ? avx512_bf16::loops : avx512::loops;
  }
  if (permitted != "DEFAULT" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    return avx2::loops;
  }
#endif
  return baseline::loops;
}

}  // namespace

const LineSet& line_set() {
  static const LineSet& chosen = choose();
  return chosen;
}

}  // namespace lorashear
