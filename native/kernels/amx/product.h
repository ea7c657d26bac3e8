// Products of many rows by AMX's tiles: bf16 with float32 sums, and float32 as exact as by its own
// multiplications, from bf16 parts.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace lorashear::amx {

// x A^T B^T beside x W^T: A (r, inputs), B (outputs, r), of any type and strides.
struct Term {
  const at::Tensor& a;
  const at::Tensor& b;
  double scale;
};

// Whether there are such products of x with a matrix of its columns, as types, strides, the number
// of rows and this processor are.
bool suits(const at::Tensor& x, const at::Tensor& weight);

// x W^T + b for x and W (outputs, inputs) that suit; W may be a transposed view.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias);

// The same into y, contiguous.
void product_out(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight);

// y = x W^T + b + h B^T, rounded once, and h = scale x A^T (rows, r) in float32.
std::pair<at::Tensor, at::Tensor> product_with(const Term& term, const at::Tensor& x,
                                               const at::Tensor& weight,
                                               const std::optional<at::Tensor>& bias);

// h alone; any weight's inputs suit.
at::Tensor low_rank_in(const at::Tensor& x, const at::Tensor& a, double scale);

}  // namespace lorashear::amx
