// The parts of lorashear::lora_linear: what the low-rank branch does beside the product with W.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace lorashear {

// x (..., n), basis (r, n) -> (rows, r) float32: scale x basis^T
at::Tensor low_rank_in_cpu(const at::Tensor& x, const at::Tensor& basis, double scale);
at::Tensor low_rank_in_reference(const at::Tensor& x, const at::Tensor& basis, double scale);
// y (..., n) += coefficients (rows, r) basis (r, n), in place
at::Tensor& low_rank_out_cpu(at::Tensor& y, const at::Tensor& coefficients,
                             const at::Tensor& basis);
at::Tensor& low_rank_out_reference(at::Tensor& y, const at::Tensor& coefficients,
                                   const at::Tensor& basis);
// coefficients (rows, r), x (..., n) -> (r, n) float32: coefficients^T x; or (n, r), transposed
at::Tensor low_rank_gradient_cpu(const at::Tensor& coefficients, const at::Tensor& x,
                                 bool transposed);
at::Tensor low_rank_gradient_reference(const at::Tensor& coefficients, const at::Tensor& x,
                                       bool transposed);

}  // namespace lorashear
