// lorashear::lora_linear: y = x W^T + b + s (x A^T) B^T, and its gradients of x, A and B.
#include "kernels/lora_linear/op.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/amx/product.h"
#include "kernels/linear/op.h"

namespace lorashear {
namespace {

using at::Tensor;
using Optional = std::optional<Tensor>;

template <typename Signature>
auto typed(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Tensor low_rank_in(const Tensor& x, const Tensor& basis, double scale) {
  static const auto op =
      typed<Tensor(const Tensor&, const Tensor&, double)>("lorashear::low_rank_in");
  return op.call(x, basis, scale);
}

Tensor& low_rank_out(Tensor& y, const Tensor& coefficients, const Tensor& basis) {
  static const auto op =
      typed<Tensor&(Tensor&, const Tensor&, const Tensor&)>("lorashear::low_rank_out");
  return op.call(y, coefficients, basis);
}

Tensor low_rank_gradient(const Tensor& coefficients, const Tensor& x, bool transposed) {
  static const auto op =
      typed<Tensor(const Tensor&, const Tensor&, bool)>("lorashear::low_rank_gradient");
  return op.call(coefficients, x, transposed);
}

Tensor product(const Tensor& x, const Tensor& weight, const Optional& bias) {
  return x.device().is_cpu() ? linear_cpu(x, weight, bias, std::nullopt)
                             : at::linear(x, weight, bias);
}

// y = x W^T + b + h B^T and h = scale x A^T, which stays for the gradients.
std::pair<Tensor, Tensor> with_low_rank(const Tensor& x, const Tensor& weight, const Optional& bias,
                                        const Tensor& a, const Tensor& b, double scale) {
  if (x.device().is_cpu() && amx::suits(x, weight) && a.numel() > 0)
    return amx::product_with({a, b, scale}, x, weight, bias);
  Tensor y = product(x, weight, bias);
  const Tensor h = low_rank_in(x, a, scale);
  low_rank_out(y, h, b.t());
  return {y, h};
}

struct LoraLinear : torch::autograd::Function<LoraLinear> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& weight, const Optional& bias, const Tensor& a,
                        const Tensor& b, double scale) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [y, h] = with_low_rank(x, weight, bias, a, b, scale);
    context->save_for_backward({x, weight, a, b, h});
    context->saved_data["scale"] = scale;
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& given) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &a = saved[2], &b = saved[3], &h = saved[4];
    const at::AutoDispatchBelowADInplaceOrView below;
    const Tensor gradient = given[0].contiguous();
    const double scale = context->saved_data["scale"].toDouble();
    // The tensors that were given are numbered, and an absent bias is none.
    const size_t factors = context->saved_data["bias"].toBool() ? 3 : 2;
    Tensor of_x, back, of_a, of_b;  // back (rows, r)
    if (context->needs_input_grad(0))
      std::tie(of_x, back) = with_low_rank(gradient, weight.t(), std::nullopt, b.t(), a.t(), scale);
    else
      back = low_rank_in(gradient, b.t(), scale);
    if (context->needs_input_grad(factors))
      of_a = low_rank_gradient(back, x, false).to(a.scalar_type());
    if (context->needs_input_grad(factors + 1))
      of_b = low_rank_gradient(h, gradient, true).to(b.scalar_type());
    return {of_x, Tensor(), Tensor(), of_a, of_b, Tensor()};
  }
};

Tensor lora_linear_autograd(const Tensor& x, const Tensor& weight, const Optional& bias,
                            const Tensor& a, const Tensor& b, double scale) {
  if (weight.requires_grad() || (bias && bias->requires_grad())) {  // the base is not frozen
    const Tensor h = at::linear(at::linear(x.to(a.scalar_type()), a), b);
    return (at::linear(x, weight, bias) + h * scale).to(x.scalar_type());
  }
  return LoraLinear::apply(x, weight, bias, a, b, scale);
}

Tensor lora_linear(const Tensor& x, const Tensor& weight, const Optional& bias, const Tensor& a,
                   const Tensor& b, double scale) {
  return with_low_rank(x, weight, bias, a, b, scale).first;
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale) -> "
      "Tensor");
  library.def("low_rank_in(Tensor x, Tensor basis, float scale) -> Tensor");
  library.def("low_rank_out(Tensor(a!) y, Tensor coefficients, Tensor basis) -> Tensor(a!)");
  library.def("low_rank_gradient(Tensor coefficients, Tensor x, bool transposed) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("lora_linear", lorashear::lora_linear_autograd);
}

TORCH_LIBRARY_IMPL(lorashear, CompositeExplicitAutograd, library) {
  library.impl("lora_linear", lorashear::lora_linear);
  library.impl("low_rank_in", lorashear::low_rank_in_reference);
  library.impl("low_rank_out", lorashear::low_rank_out_reference);
  library.impl("low_rank_gradient", lorashear::low_rank_gradient_reference);
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("low_rank_in", lorashear::low_rank_in_cpu);
  library.impl("low_rank_out", lorashear::low_rank_out_cpu);
  library.impl("low_rank_gradient", lorashear::low_rank_gradient_cpu);
}
