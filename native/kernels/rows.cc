// Chooses the instruction set of the loops over rows, and shares rows out among the threads.
#include "kernels/rows.h"

#include <algorithm>

#include "kernels/instruction_set.h"
#include "kernels/tiles.h"

namespace lorashear {

LORASHEAR_IN_EACH_SET(RowSet, rows)

const RowSet& row_set() {
  return LORASHEAR_CHOSEN(rows);
}

// Elements of a part: some 10 us of work, so that waking a thread is worth it.
constexpr int64_t kPart = 32768;

void each_rows(int64_t rows, int64_t length, const std::function<void(int64_t, int64_t)>& fn) {
  const int64_t part = std::max<int64_t>(1, kPart / std::max<int64_t>(1, length));
  if (rows <= part) return fn(0, rows);
  each((rows + part - 1) / part, [&](int64_t i) { fn(i * part, std::min(rows, (i + 1) * part)); });
}

}  // namespace lorashear
