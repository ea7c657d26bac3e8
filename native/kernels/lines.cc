// Chooses the instruction set once.
#include "kernels/lines.h"

#include "kernels/instruction_set.h"
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
  switch (instruction_set()) {
    case InstructionSet::avx512_bf16:
      return avx512_bf16::loops;
    case InstructionSet::avx512:
      return avx512::loops;
    case InstructionSet::avx2:
      return avx2::loops;
    case InstructionSet::baseline:
      break;
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
