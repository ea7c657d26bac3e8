// Products of panels by AMX's tiles.
#pragma once

#include "kernels/amx/panels.h"

namespace lorashear::amx {

// h (rows, r) = scale x basis^T for the rows of a left panel of so many steps.
template <typename T>
void low_rank(const BFloat16* left, int64_t steps, const BFloat16* basis, int64_t r, float scale,
              int64_t rows, float* h);

using Panels = packed::Panels<BFloat16>;

// How deep the panels are: steps of T, and of terms.
struct Depth {
  int64_t steps, of_terms;
};

// y = the left panels times the right ones + bias, for rows and columns of any number.
template <typename T>
void multiply_panels(const Panels& left, const Panels& right, const Depth& depth,
                     const Sums<T>& sums);

}  // namespace lorashear::amx
