// What the step does to one group, from its sums: one definition for CPU and CUDA
// (algorithm.md 3.9).
#pragma once

#include <cmath>

#ifdef __CUDACC__
#define LORASHEAR_BOTH __host__ __device__
#else
#define LORASHEAR_BOTH
#endif

namespace lorashear {

struct GroupStep {
  double norm;  // ||x_g|| before the step
  double keep;  // x~ = keep * x + u
  bool zero;    // x_g becomes exactly 0
};

// xx = ||x_g||^2, xu = <x_g, u_g>; pull < 0 where none is given.
//   lambda = max(||x|| / remaining, pull)
//   x~ = x + u - lambda x / ||x|| = keep x + u; without a pull keep is 1 - 1 / remaining whatever x
//   0 if <x~, x> < epsilon ||x||^2, or this is the last step, or x is 0 already
LORASHEAR_BOTH inline GroupStep group_step(double xx, double xu, long long remaining, double pull,
                                           double epsilon) {
  const double norm = sqrt(xx);
  const double even = norm / static_cast<double>(remaining);
  const double keep =
      pull > even ? 1.0 - pull / (norm + 1e-12) : 1.0 - 1.0 / static_cast<double>(remaining);
  const bool zero = keep * xx + xu < epsilon * xx || remaining == 1 || norm == 0;
  return {norm, keep, zero};
}

}  // namespace lorashear
