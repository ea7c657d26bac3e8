// lorashear::linear_cross_entropy: schemas, meta implementation and autograd; the CPU, ATen and
// reference ones are beside it.
#include "kernels/linear_cross_entropy/op.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace lorashear {

void check_loss(LORASHEAR_LOSS_PARAMETERS) {
  TORCH_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1),
              "linear_cross_entropy: hidden ", hidden.sizes(), " does not fit the weight ",
              weight.sizes());
  TORCH_CHECK(!bias || (bias->dim() == 1 && bias->size(0) == weight.size(0)),
              "linear_cross_entropy: the bias does not fit the weight");
  TORCH_CHECK(labels.dim() == 1 && labels.size(0) == hidden.size(0),
              "linear_cross_entropy: one label for each of ", hidden.size(0), " rows, got ",
              labels.sizes());
  TORCH_CHECK(labels.scalar_type() == at::kLong, "linear_cross_entropy: labels must be int64");
  TORCH_CHECK(hidden.scalar_type() == weight.scalar_type() &&
                  (!bias || bias->scalar_type() == hidden.scalar_type()),
              "linear_cross_entropy: hidden, weight and bias must have one type");
  TORCH_CHECK(scale > 0 && softcap >= 0,
              "linear_cross_entropy: scale must be positive, softcap not negative");
  TORCH_CHECK(chunk >= 0, "linear_cross_entropy: chunk must not be negative");
}

int64_t chunk_rows(int64_t rows, int64_t vocabulary, int64_t chunk, int64_t most_logits) {
  constexpr int64_t kLeast = 32;
  if (chunk == 0) chunk = std::max(kLeast, most_logits / std::max<int64_t>(1, vocabulary));
  const int64_t chunks = std::max<int64_t>(1, (rows + chunk - 1) / chunk);
  return std::max<int64_t>(1, (rows + chunks - 1) / chunks);
}

namespace {

LossAndGradient linear_cross_entropy_meta(LORASHEAR_LOSS_PARAMETERS) {
  check_loss(LORASHEAR_LOSS_ARGUMENTS);
  const auto type = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {at::empty({hidden.size(0)}, hidden.options().dtype(type)),
          at::empty(gradient ? hidden.sizes() : at::IntArrayRef{0}, hidden.options())};
}

LossAndGradient rows_of(LORASHEAR_LOSS_PARAMETERS) {
  using Rows = LossAndGradient(LORASHEAR_LOSS_PARAMETERS);
  static const auto rows = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("lorashear::linear_cross_entropy_rows", "")
                               .typed<Rows>();
  return rows.call(LORASHEAR_LOSS_ARGUMENTS);
}

// Sums are made in double: the last bits of a sum depend on the number of threads.
at::Tensor reduced(const at::Tensor& losses, const at::Tensor& counted, int64_t reduction) {
  if (reduction == at::Reduction::None) return losses;
  at::Tensor total = losses.sum(at::kDouble);
  if (reduction == at::Reduction::Mean) total = total / counted;
  return total.to(losses.scalar_type());
}

#define LORASHEAR_REDUCED_LOSS_PARAMETERS                                                   \
  const at::Tensor &hidden, const at::Tensor &weight, const std::optional<at::Tensor>&bias, \
      const at::Tensor &labels, double scale, double softcap, int64_t ignore_index,         \
      int64_t reduction, int64_t chunk

at::Tensor without_gradient(LORASHEAR_REDUCED_LOSS_PARAMETERS) {
  const auto losses = std::get<0>(
      rows_of(hidden, weight, bias, labels, scale, softcap, ignore_index, chunk, false));
  return reduced(losses, labels.ne(ignore_index).sum(), reduction);
}

// The forward makes the gradient; the backward only scales it.
class Loss : public torch::autograd::Function<Loss> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            LORASHEAR_REDUCED_LOSS_PARAMETERS) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [losses, gradient] =
        rows_of(hidden, weight, bias, labels, scale, softcap, ignore_index, chunk, true);
    const at::Tensor counted = labels.ne(ignore_index).sum();
    context->save_for_backward({gradient, counted});
    context->saved_data["reduction"] = reduction;
    return reduced(losses, counted, reduction);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& gradient = saved[0];
    const int64_t reduction = context->saved_data["reduction"].toInt();
    at::Tensor by = upstream[0];
    if (reduction == at::Reduction::None) by = by.unsqueeze(1).to(gradient.scalar_type());
    // No targets: the gradient is 0, as that of libtorch's loss.
    if (reduction == at::Reduction::Mean) by = by / saved[1].clamp_min(1);
    torch::autograd::variable_list results(9);
    results[0] = gradient * by;
    return results;
  }
};

at::Tensor with_gradient(LORASHEAR_REDUCED_LOSS_PARAMETERS) {
  const auto learns = [](const at::Tensor& x) { return x.defined() && x.requires_grad(); };
  const bool recorded = at::GradMode::is_enabled();
  TORCH_CHECK(!recorded || !(learns(weight) || (bias && learns(*bias))),
              "linear_cross_entropy: gives no gradient of the head's weight and bias");
  if (recorded && learns(hidden)) {
    return Loss::apply(hidden, weight, bias, labels, scale, softcap, ignore_index, reduction,
                       chunk);
  }
  const at::AutoDispatchBelowADInplaceOrView below;
  return without_gradient(hidden, weight, bias, labels, scale, softcap, ignore_index, reduction,
                          chunk);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "linear_cross_entropy(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, "
      "float scale=1.0, float softcap=0.0, int ignore_index=-100, int reduction=1, int chunk=0) "
      "-> Tensor");
  library.def(
      "linear_cross_entropy_rows(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, "
      "float scale, float softcap, int ignore_index, int chunk, bool gradient) "
      "-> (Tensor losses, Tensor gradient)");
  library.def(
      "linear_cross_entropy_reference(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, "
      "float scale=1.0, float softcap=0.0, int ignore_index=-100) "
      "-> (Tensor losses, Tensor gradient)");
}

TORCH_LIBRARY_IMPL(lorashear, CompositeExplicitAutograd, library) {
  library.impl("linear_cross_entropy", lorashear::without_gradient);
  library.impl("linear_cross_entropy_rows", lorashear::linear_cross_entropy_aten);
  library.impl("linear_cross_entropy_reference", lorashear::linear_cross_entropy_reference);
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("linear_cross_entropy_rows", lorashear::linear_cross_entropy_cpu);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("linear_cross_entropy_rows", lorashear::linear_cross_entropy_meta);
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("linear_cross_entropy", lorashear::with_gradient);
}
