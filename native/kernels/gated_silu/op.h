// The implementations of lorashear::gated_silu.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace lorashear {

// Whether the loops compute this; else the reference does, and its gradient.
bool suits_gated_silu(const at::Tensor& gate, const at::Tensor& up);
// As rows beside each other; halves of a wider tensor stay where they are.
at::Tensor gated_rows(const at::Tensor& x);
at::Tensor gated_silu_cpu(const at::Tensor& gate, const at::Tensor& up);
at::Tensor gated_silu_cuda(const at::Tensor& gate, const at::Tensor& up);
// The gradients of gate and up, for what suits.
std::pair<at::Tensor, at::Tensor> gated_silu_backward(const at::Tensor& gradient,
                                                      const at::Tensor& gate, const at::Tensor& up);
std::pair<at::Tensor, at::Tensor> gated_silu_backward_cuda(const at::Tensor& gradient,
                                                           const at::Tensor& gate,
                                                           const at::Tensor& up);
at::Tensor gated_silu_reference(const at::Tensor& gate, const at::Tensor& up);

}  // namespace lorashear
