// Chooses the instruction set once.
#include "kernels/lines.h"

#include "kernels/instruction_set.h"

namespace lorashear {

LORASHEAR_IN_EACH_SET(LineSet, loops)

const LineSet& line_set() {
  static const LineSet& chosen = LORASHEAR_CHOSEN(loops);
  return chosen;
}

}  // namespace lorashear
