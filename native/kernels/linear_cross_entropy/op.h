// The implementations of lorashear::linear_cross_entropy, row by row and with their gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

// hidden (N, C), weight (V, C), bias (V), labels (N) int64; logits are
// softcap tanh(scale (hidden weight^T + bias) / softcap), without the tanh where softcap is 0.
// `chunk` rows at a time, 0: as many as a fixed number of logits allows.
#define LORASHEAR_LOSS_PARAMETERS                                                                  \
  const at::Tensor &hidden, const at::Tensor &weight, const std::optional<at::Tensor>&bias,        \
      const at::Tensor &labels, double scale, double softcap, int64_t ignore_index, int64_t chunk, \
      bool gradient
#define LORASHEAR_LOSS_ARGUMENTS \
  hidden, weight, bias, labels, scale, softcap, ignore_index, chunk, gradient

namespace lorashear {

// Losses (N), float32 (float64 of such hidden states), 0 where the label is ignore_index; and, if
// asked for, d sum(losses) / d hidden (N, C), else a tensor of no elements.
using LossAndGradient = std::tuple<at::Tensor, at::Tensor>;

LossAndGradient linear_cross_entropy_aten(LORASHEAR_LOSS_PARAMETERS);
LossAndGradient linear_cross_entropy_cpu(LORASHEAR_LOSS_PARAMETERS);
LossAndGradient linear_cross_entropy_reference(const at::Tensor& hidden, const at::Tensor& weight,
                                               const std::optional<at::Tensor>& bias,
                                               const at::Tensor& labels, double scale,
                                               double softcap, int64_t ignore_index);

void check_loss(LORASHEAR_LOSS_PARAMETERS);

// Rows of a chunk, so that all chunks are about even: by sizes alone, never by threads.
int64_t chunk_rows(int64_t rows, int64_t vocabulary, int64_t chunk, int64_t most_logits);

}  // namespace lorashear
