// Products of many rows whose operands are packed first: by AMX's tiles, or by oneDNN's blocks of
// float32. Sums are float32 and rounded once.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace lorashear::packed {

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

// h alone.
at::Tensor low_rank_in(const at::Tensor& x, const at::Tensor& a, double scale);

}  // namespace lorashear::packed
