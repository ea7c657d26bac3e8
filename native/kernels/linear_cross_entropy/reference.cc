// The definition of the loss of a linear head, in double, with all logits at once.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/linear_cross_entropy/op.h"

namespace lorashear {

LossAndGradient linear_cross_entropy_reference(const at::Tensor& hidden, const at::Tensor& weight,
                                               const std::optional<at::Tensor>& bias,
                                               const at::Tensor& labels, double scale,
                                               double softcap, int64_t ignore_index) {
  const at::Tensor matrix = weight.to(at::kDouble);
  at::Tensor logits = at::matmul(hidden.to(at::kDouble), matrix.t());
  if (bias) logits = logits + bias->to(at::kDouble);
  logits = logits * scale;
  at::Tensor slope = at::full({}, scale, logits.options());
  if (softcap != 0) {
    const at::Tensor squeezed = at::tanh(logits / softcap);
    logits = squeezed * softcap;
    slope = (1 - squeezed * squeezed) * scale;
  }
  const at::Tensor counts = labels.ne(ignore_index).to(at::kDouble).unsqueeze(1);
  const at::Tensor targets = labels.clamp_min(0).unsqueeze(1);
  const at::Tensor logs = at::log_softmax(logits, -1);
  const at::Tensor losses = -(logs.gather(1, targets) * counts).squeeze(1);
  const at::Tensor hot = at::zeros_like(logs).scatter_(1, targets, 1);
  return {losses, at::matmul((logs.exp() - hot) * slope * counts, matrix)};
}

}  // namespace lorashear
