// Chooses the instruction set of the loop over logits.
#include "kernels/linear_cross_entropy/loops.h"

#include "kernels/instruction_set.h"
#include "kernels/lines_x86.h"

namespace lorashear {

namespace baseline {
extern const LossLoops losses;
}
#ifdef LORASHEAR_X86_SETS
namespace avx2 {
extern const LossLoops losses;
}
namespace avx512 {
extern const LossLoops losses;
}
namespace avx512_bf16 {
extern const LossLoops losses;
}
#endif

const LossLoops& loss_loops() {
#ifdef LORASHEAR_X86_SETS
  switch (instruction_set()) {
    case InstructionSet::avx512_bf16:
      return avx512_bf16::losses;
    case InstructionSet::avx512:
      return avx512::losses;
    case InstructionSet::avx2:
      return avx2::losses;
    case InstructionSet::baseline:
      break;
  }
#endif
  return baseline::losses;
}

}  // namespace lorashear
