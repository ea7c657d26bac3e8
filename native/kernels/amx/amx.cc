// Asks oneDNN, which has asked the system for the tiles' registers by then.
#include "kernels/amx/amx.h"

#include <ATen/native/CPUBlas.h>

#include "kernels/instruction_set.h"

namespace lorashear::amx {

bool available() {
#ifdef LORASHEAR_X86_SETS
  // oneDNN packs for AMX only.
  return instruction_set() == InstructionSet::avx512_bf16 &&
         at::native::cpublas::could_pack(at::kBFloat16);
#else
  return false;
#endif
}

}  // namespace lorashear::amx
