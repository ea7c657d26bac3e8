// lorashear::linear: schema, meta implementation, and the gradient of x where W and b are frozen;
// the CPU and reference implementations are beside it.
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

struct FrozenLinear : torch::autograd::Function<FrozenLinear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                            std::optional<c10::string_view> by) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({weight});
    return linear_cpu(x, weight, bias, by);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& given) {
    const at::Tensor weight = context->get_saved_variables()[0];
    const at::AutoDispatchBelowADInplaceOrView below;
    return {linear_cpu(given[0].contiguous(), weight.t(), std::nullopt, std::nullopt), {}, {}, {}};
  }
};

at::Tensor linear_autograd(const at::Tensor& x, const at::Tensor& weight,
                           const std::optional<at::Tensor>& bias,
                           std::optional<c10::string_view> by) {
  const bool learns = weight.requires_grad() || (bias && bias->requires_grad());
  if (!at::GradMode::is_enabled() || (!learns && !x.requires_grad())) {
    const at::AutoDispatchBelowADInplaceOrView below;
    return linear_cpu(x, weight, bias, by);
  }
  if (learns) return at::linear(x, weight, bias);
  return FrozenLinear::apply(x, weight, bias, by);
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
