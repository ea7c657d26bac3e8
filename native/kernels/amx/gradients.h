// The gradients of low-rank factors by AMX's tiles.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace lorashear::amx {

// x (rows, n), and coefficients (rows, r) in float32 that are to meet it.
struct Outer {
  at::Tensor x;
  std::vector<at::Tensor> coefficients;
  bool transposed;
};

// coefficients^T x (r, n), or its transpose, in float32, for all coefficients in their order; every
// x has the same type, which suits.
std::vector<at::Tensor> low_rank_gradients(const std::vector<Outer>& list);

}  // namespace lorashear::amx
