// The implementations of lorashear::half_space_projection, all with the operator's own parameters.
#pragma once

#include <optional>

#include "kernels/slices.h"

#define LORASHEAR_PROJECTION_PARAMETERS                                                   \
  at::TensorList x, at::TensorList lora_b, at::TensorList lora_a, at::TensorList moments, \
      at::TensorList index, at::TensorList group, at::IntArrayRef axis, double scale,     \
      int64_t groups, int64_t remaining, const std::optional<at::Tensor>&pull, double epsilon

namespace lorashear {

at::Tensor half_space_projection_cpu(LORASHEAR_PROJECTION_PARAMETERS);
at::Tensor half_space_projection_reference(LORASHEAR_PROJECTION_PARAMETERS);

// remaining >= 1, epsilon in [0, 1), pull float32 [groups] on x's device.
void check_projection(const char* op, int64_t groups, int64_t remaining,
                      const std::optional<at::Tensor>& pull, double epsilon, at::TensorList x);

}  // namespace lorashear
