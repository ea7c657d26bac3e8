// The implementations of lorashear::group_statistics, all with the operator's own parameters.
#pragma once

#include "kernels/slices.h"

#define LORASHEAR_STATISTICS_PARAMETERS                                                 \
  at::TensorList x, at::TensorList lora_b, at::TensorList lora_a, at::TensorList index, \
      at::TensorList group, at::IntArrayRef axis, double scale, int64_t groups

namespace lorashear {

at::Tensor group_statistics_cpu(LORASHEAR_STATISTICS_PARAMETERS);
at::Tensor group_statistics_reference(LORASHEAR_STATISTICS_PARAMETERS);

}  // namespace lorashear
