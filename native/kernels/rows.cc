// Chooses the instruction set of the loops over rows, and shares rows out among the threads.
#include "kernels/rows.h"

#include <algorithm>

#include "kernels/instruction_set.h"
#include "kernels/lines_x86.h"
#include "kernels/tiles.h"

namespace lorashear {

namespace baseline {
extern const RowSet rows;
}
#ifdef LORASHEAR_X86_SETS
namespace avx2 {
extern const RowSet rows;
}
namespace avx512 {
extern const RowSet rows;
}
namespace avx512_bf16 {
extern const RowSet rows;
}
#endif

const RowSet& row_set() {
#ifdef LORASHEAR_X86_SETS
  switch (instruction_set()) {
    case InstructionSet::avx512_bf16:
      return avx512_bf16::rows;
    case InstructionSet::avx512:
      return avx512::rows;
    case InstructionSet::avx2:
      return avx2::rows;
    case InstructionSet::baseline:
      break;
  }
#endif
  return baseline::rows;
}

// Elements of a part: some 10 us of work, so that waking a thread is worth it.
constexpr int64_t kPart = 32768;

void each_rows(int64_t rows, int64_t length, const std::function<void(int64_t, int64_t)>& fn) {
  const int64_t part = std::max<int64_t>(1, kPart / std::max<int64_t>(1, length));
  if (rows <= part) return fn(0, rows);
  each((rows + part - 1) / part, [&](int64_t i) { fn(i * part, std::min(rows, (i + 1) * part)); });
}

}  // namespace lorashear
