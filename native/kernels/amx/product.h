// Products of many rows by AMX's tiles: bf16 with float32 sums, and float32 as exact as by its own
// multiplications, from bf16 parts.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace lorashear::amx {

// Linear layers with low-rank terms: W (outputs, inputs), which may be transposed views, A (r,
// inputs) and B (outputs, r) of any type and strides; biases for all or none.
struct Layers {
  at::TensorList weights, biases, a, b;
  double scale;

  std::optional<at::Tensor> bias(size_t layer) const {
    return biases.empty() ? std::nullopt : std::optional(biases[layer]);
  }
};

// Results, and h = scale x A^T (rows, r) in float32 of each layer.
struct WithCoefficients {
  std::vector<at::Tensor> y, h;
};

// Whether there are such products of x, as its type, device, the number of its rows and this
// processor are; and with a matrix of its columns.
bool suits(const at::Tensor& x);
bool suits(const at::Tensor& x, const at::Tensor& weight);

// x W^T + b for x and W that suit.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias);

// The same into y, contiguous.
void product_out(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
                 const std::optional<at::Tensor>& bias);

// x W^T + b + h B^T of every layer, each rounded once; x is read once.
WithCoefficients products(const at::Tensor& x, const Layers& layers);

// The sum over layers of x W^T + h B^T, each layer with rows of its own; rounded once.
WithCoefficients sum_of_products(at::TensorList xs, const Layers& layers);

// x (rows, n), and coefficients (rows, r) in float32 that are to meet it.
struct Outer {
  at::Tensor x;
  std::vector<at::Tensor> coefficients;
  bool transposed;
};

// coefficients^T x (r, n), or its transpose, in float32, for all coefficients in their order; every
// x has the same type, which suits.
std::vector<at::Tensor> low_rank_gradients(const std::vector<Outer>& list);

// h alone.
at::Tensor low_rank_in(const at::Tensor& x, const at::Tensor& a, double scale);

}  // namespace lorashear::amx
