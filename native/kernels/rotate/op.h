// The implementations of lorashear::rotate.
#pragma once

#include <ATen/core/Tensor.h>

namespace lorashear {

// x (B, H, T, D), cos and sin (T, R) or (B, 1, T, R) with R even and at most D.
void check_rotation(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
// Whether the loops compute this; else the reference does, and its gradient.
bool suits_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
at::Tensor rotate_forward(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
// The gradient of x, for what suits: lies as (B, T, H, D), as the projection that made x wants it.
at::Tensor rotate_backward(const at::Tensor& gradient, const at::Tensor& cos,
                           const at::Tensor& sin);
// from (B, H, T, D) turned into result, or back; the last dimensions of both lie densely.
void turn_on_device(const at::Tensor& from, const at::Tensor& cos, const at::Tensor& sin, bool back,
                    const at::Tensor& result);
at::Tensor rotate_reference(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace lorashear
