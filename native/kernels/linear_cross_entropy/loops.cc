// Chooses the instruction set of the loop over logits.
#include "kernels/linear_cross_entropy/loops.h"

#include "kernels/instruction_set.h"

namespace lorashear {

LORASHEAR_IN_EACH_SET(LossLoops, losses)

const LossLoops& loss_loops() {
  return LORASHEAR_CHOSEN(losses);
}

}  // namespace lorashear
