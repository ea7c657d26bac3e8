// Asks oneDNN, which has asked the system for the tiles' registers by then.
#include <ATen/native/CPUBlas.h>

#include "kernels/amx/engine.h"
#include "kernels/instruction_set.h"
#include "kernels/rows.h"

namespace lorashear::amx {

// Fewest rows for which packing a matrix pays.
constexpr int64_t kFewestRows = 64;

bool suits(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  return (type == at::kFloat || type == at::kBFloat16) && has_rows(x, kFewestRows) && available();
}

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
