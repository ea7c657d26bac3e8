// Heads (B, H, T, D) that lie in memory as (B, T, H, D), as a projection makes them.
#pragma once

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

namespace lorashear {

// x, or a copy where the elements of a head are not neighbours.
inline at::Tensor with_dense_heads(const at::Tensor& x) {
  return x.stride(3) == 1 ? x : x.contiguous();
}

// As large as x (B, H, T, D), not filled.
inline at::Tensor empty_heads(const at::Tensor& x) {
  return at::empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x.options()).transpose(1, 2);
}

}  // namespace lorashear
