// Products of panels by AMX's tiles.
#pragma once

#include "kernels/amx/panels.h"

namespace lorashear::amx {

// h (rows, r) = scale x basis^T for the rows of a left panel of so many steps.
template <typename T>
void low_rank(const BFloat16* left, int64_t steps, const BFloat16* basis, int64_t r, float scale,
              int64_t rows, float* h);

// Panels in a row, and how far behind the beginning of each its terms lie.
struct Panels {
  const BFloat16* first;
  int64_t distance;  // elements from one to the next
  int64_t terms;
};

// How deep the panels are: steps of T, and of terms.
struct Depth {
  int64_t steps, of_terms;
};

// Sums of left with right panels, rounded once.
template <typename T>
struct Sums {
  T* y;
  int64_t stride;
  int64_t rows, columns;
  const T* bias;  // or null
  bool add;       // to what y has; float32 only
};

// y = the left panels times the right ones + bias, for rows and columns of any number.
template <typename T>
void multiply_panels(const Panels& left, const Panels& right, const Depth& depth,
                     const Sums<T>& sums);

}  // namespace lorashear::amx
