// The loss of a linear head by libtorch's operators, on any device; nothing here waits for it.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/linear_cross_entropy/op.h"

namespace lorashear {
namespace {

constexpr int64_t kMostLogits = int64_t{1} << 25;  // 128 MiB in float32

// In float32 and unrounded where libtorch can.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, at::ScalarType wide) {
  const bool widens = x.is_cuda() && x.scalar_type() != wide;
  return widens ? at::mm(x, weight.t(), wide) : at::mm(x, weight.t()).to(wide);
}

}  // namespace

LossAndGradient linear_cross_entropy_aten(LORASHEAR_LOSS_PARAMETERS) {
  check_loss(LORASHEAR_LOSS_ARGUMENTS);
  const at::ScalarType type = hidden.scalar_type();
  const at::ScalarType wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t rows = hidden.size(0);
  const int64_t size = chunk_rows(rows, weight.size(0), chunk, kMostLogits);
  const at::Tensor ignored = labels.eq(ignore_index).unsqueeze(1);
  const at::Tensor targets = labels.unsqueeze(1).masked_fill(ignored, 0);
  at::Tensor losses = at::zeros({rows, 1}, hidden.options().dtype(wide));
  at::Tensor result = at::empty(gradient ? hidden.sizes() : at::IntArrayRef{0}, hidden.options());
  for (int64_t begin = 0; begin < rows; begin += size) {
    const int64_t count = std::min(size, rows - begin);
    const auto part = [&](const at::Tensor& of) { return of.narrow(0, begin, count); };
    at::Tensor logits = product(part(hidden), weight, wide);
    if (bias) logits.add_(*bias);
    if (scale != 1) logits.mul_(scale);
    at::Tensor squeezed;
    if (softcap != 0) {
      squeezed = logits.div_(softcap).tanh_();
      logits = squeezed * softcap;
    }
    at::Tensor logs = at::log_softmax(logits, -1);
    logits.reset();
    part(losses).copy_(logs.gather(1, part(targets)).neg_().masked_fill_(part(ignored), 0));
    if (!gradient) continue;
    const at::Tensor& slope = logs.exp_();
    slope.scatter_add_(1, part(targets), at::full({count, 1}, -1, logs.options()));
    if (softcap != 0) slope.mul_(squeezed.mul_(squeezed).neg_().add_(1));
    if (scale != 1) slope.mul_(scale);
    slope.masked_fill_(part(ignored), 0);
    at::Tensor into = part(result);
    at::mm_out(into, slope.to(type), weight);
  }
  return {losses.squeeze(1), result};
}

}  // namespace lorashear
