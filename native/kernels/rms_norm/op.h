// The implementations of lorashear::rms_norm.
#pragma once

#include <ATen/core/Tensor.h>

namespace lorashear {

at::Tensor rms_norm_cpu(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace lorashear
