// What a product of packed operands hands to the engine that multiplies them: AMX's tiles
// (amx/engine.h) or oneDNN's blocks (blocks/engine.h). An engine packs kRows rows or kColumns
// columns as a panel of its own kind of numbers, in steps of kDepth elements.
#pragma once

#include <cstdint>
#include <vector>

namespace lorashear::packed {

// A matrix where it lies.
template <typename T>
struct Strided {
  T* data;
  int64_t row;     // elements from one row to the next
  int64_t column;  // and from one column to the next
};

// Panels in a row, and how far behind the beginning of each its terms lie.
template <typename Operand>
struct Panels {
  const Operand* first;
  int64_t distance;  // elements from one to the next
  int64_t terms;
};

// How deep the panels are: steps of all sources together and of each, and the ranks of the terms.
struct Depth {
  int64_t steps;
  std::vector<int64_t> of_sources, ranks;
};

// Sums of left with right panels, rounded once.
template <typename T>
struct Sums {
  T* y;
  int64_t stride;
  int64_t rows, columns;
  const T* bias;  // or null
  bool add;       // to what y has; only where an engine does not take all steps at once
};

}  // namespace lorashear::packed
