// The implementations of lorashear::rms_norm and lorashear::add_rms_norm.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace lorashear {

// What a norm makes, and what its gradient needs.
struct Normed {
  at::Tensor x;   // what was normalised, dense: x, or the sum
  at::Tensor y;   // as x
  at::Tensor by;  // (rows) float32: 1 / sqrt(mean(x^2) + eps)
};

// Whether the loops compute this; else the reference does, and its gradient.
bool suits_rms_norm(const at::Tensor& x, const at::Tensor& weight);
// Refuses sums of other shapes or types.
void check_sum(const at::Tensor& x, const at::Tensor& added);
// Of x, or of x + added.
Normed rms_norm_forward(const at::Tensor& x, const std::optional<at::Tensor>& added,
                        const at::Tensor& weight, double eps);
// beside + the gradient of what was normalised.
at::Tensor rms_norm_backward(const at::Tensor& gradient, const std::optional<at::Tensor>& beside,
                             const at::Tensor& x, const at::Tensor& weight, const at::Tensor& by);

at::Tensor rms_norm_cpu(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double eps);
// x + added, and its norm
std::tuple<at::Tensor, at::Tensor> add_rms_norm_cpu(const at::Tensor& x, const at::Tensor& added,
                                                    const at::Tensor& weight, double eps);
std::tuple<at::Tensor, at::Tensor> add_rms_norm_reference(const at::Tensor& x,
                                                          const at::Tensor& added,
                                                          const at::Tensor& weight, double eps);

}  // namespace lorashear
