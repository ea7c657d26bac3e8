// The implementations of lorashear::gated_silu.
#pragma once

#include <ATen/core/Tensor.h>

namespace lorashear {

at::Tensor gated_silu_cpu(const at::Tensor& gate, const at::Tensor& up);
at::Tensor gated_silu_reference(const at::Tensor& gate, const at::Tensor& up);

}  // namespace lorashear
