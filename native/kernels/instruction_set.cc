// Asks the processor, and libtorch what it may use.
#include "kernels/instruction_set.h"

#include <ATen/Version.h>

#include <string>

namespace lorashear {
namespace {

InstructionSet choose() {
#ifdef LORASHEAR_X86_SETS
  const std::string permitted = at::get_cpu_capability();
  if (permitted == "AVX512" && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return __builtin_cpu_supports("avx512bf16") ? InstructionSet::avx512_bf16
                                                : InstructionSet::avx512;
  }
  if (permitted != "DEFAULT" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    return InstructionSet::avx2;
  }
#endif
  return InstructionSet::baseline;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = choose();
  return chosen;
}

}  // namespace lorashear
