// lorashear::linear: schema, meta implementation and gradients; the CPU and reference
// implementations are beside it.
#include "kernels/linear/op.h"

#include <ATen/Functions.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace lorashear {
namespace {

at::Tensor linear_meta(const at::Tensor& x, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, std::optional<c10::string_view>) {
  return at::linear(x, weight, bias);
}

// What is computed does not depend on which of x, W and b learn.
struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                            std::optional<c10::string_view> by) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    context->saved_data["learns_bias"] = bias && bias->requires_grad();
    const at::AutoDispatchBelowADInplaceOrView below;
    return linear_cpu(x, weight, bias, by);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& given) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor gradient = given[0].contiguous();
    const at::Tensor rows = gradient.view({-1, gradient.size(-1)});
    torch::autograd::variable_list result(4);
    if (context->needs_input_grad(0))
      result[0] = linear_cpu(gradient, weight.t(), std::nullopt, std::nullopt);
    if (x.defined()) {
      const at::Tensor across = x.reshape({-1, x.size(-1)}).t();
      result[1] = linear_cpu(rows.t(), across, std::nullopt, std::nullopt);
    }
    if (context->saved_data["learns_bias"].toBool()) result[2] = rows.sum(0);
    return result;
  }
};

at::Tensor linear_autograd(const at::Tensor& x, const at::Tensor& weight,
                           const std::optional<at::Tensor>& bias,
                           std::optional<c10::string_view> by) {
  if (at::GradMode::is_enabled()) return Linear::apply(x, weight, bias, by);
  const at::AutoDispatchBelowADInplaceOrView below;
  return linear_cpu(x, weight, bias, by);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def("linear(Tensor x, Tensor weight, Tensor? bias=None, str? by=None) -> Tensor");
  library.def("linear_reference(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("linear", lorashear::linear_cpu);
  library.impl("linear_reference", lorashear::linear_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("linear", lorashear::linear_meta);
}

TORCH_LIBRARY_IMPL(lorashear, AutogradCPU, library) {
  library.impl("linear", lorashear::linear_autograd);
}
