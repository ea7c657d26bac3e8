// lorashear::rms_norm and add_rms_norm: schemas, meta implementations and gradients; the CPU and
// reference ones are beside it.
#include "kernels/rms_norm/op.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/remade.h"

namespace lorashear {

void check_sum(const at::Tensor& x, const at::Tensor& added) {
  TORCH_CHECK(x.sizes() == added.sizes() && x.scalar_type() == added.scalar_type(),
              "add_rms_norm: ", added.sizes(), " cannot be added to ", x.sizes());
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Optional = std::optional<Tensor>;

Tensor rms_norm_meta(const Tensor& x, const Tensor& weight, double) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && x.size(-1) == weight.size(0),
              "rms_norm: the weight has another size than the last dimension");
  return at::empty(x.sizes(), x.options());
}

std::tuple<Tensor, Tensor> add_rms_norm_meta(const Tensor& x, const Tensor& added,
                                             const Tensor& weight, double eps) {
  check_sum(x, added);
  return {at::empty(x.sizes(), x.options()), rms_norm_meta(x, weight, eps)};
}

// The gradients of what was normalised, plus `beside`, and of the weight, where they are asked for.
std::pair<Tensor, Tensor> gradients(AutogradContext* context, const Tensor& gradient,
                                    const Optional& beside, bool of_x, bool of_weight) {
  const auto saved = context->get_saved_variables();
  const Tensor &x = saved[0], &weight = saved[1], &by = saved[2];
  const at::AutoDispatchBelowADInplaceOrView below;
  Tensor to_x, to_weight;
  if (of_x) to_x = rms_norm_backward(gradient, beside, x, weight, by);
  if (of_weight) {
    const Tensor rows = (gradient.to(at::kFloat) * x.to(at::kFloat)).reshape({-1, x.size(-1)});
    to_weight = (rows * by.unsqueeze(-1)).sum(0).to(weight.scalar_type());
  }
  return {to_x, to_weight};
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        double eps) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Normed made = rms_norm_forward(x, std::nullopt, weight, eps);
    context->save_for_backward({made.x, weight, made.by});
    context->saved_data["eps"] = eps;
    return made.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto [x, weight] = gradients(context, given[0], std::nullopt,
                                       context->needs_input_grad(0), context->needs_input_grad(1));
    return {x, weight, Tensor()};
  }
};

struct AddRmsNorm : torch::autograd::Function<AddRmsNorm> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& added,
                               const Tensor& weight, double eps) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->set_materialize_grads(false);
    const Normed made = rms_norm_forward(x, added, weight, eps);
    context->save_for_backward({made.x, weight, made.by});
    context->saved_data["eps"] = eps;
    return {made.x, made.y};
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const Tensor &of_sum = given[0], &of_norm = given[1];
    if (!of_norm.defined()) return {of_sum, of_sum, Tensor(), Tensor()};
    const bool of_x = context->needs_input_grad(0) || context->needs_input_grad(1);
    const auto [x, weight] =
        gradients(context, of_norm, of_sum.defined() ? Optional(of_sum) : std::nullopt, of_x,
                  context->needs_input_grad(2));
    return {x, x, weight, Tensor()};
  }
};

Tensor made_again(AutogradContext& context) {
  const auto saved = context.get_saved_variables();
  return rms_norm_cpu(saved[0], saved[1], context.saved_data["eps"].toDouble());
}

const bool kRemade = remakes<RmsNorm, made_again>(0) && remakes<AddRmsNorm, made_again>(1);

Tensor rms_norm_autograd(const Tensor& x, const Tensor& weight, double eps) {
  if (!suits_rms_norm(x, weight)) return rms_norm_reference(x, weight, eps);
  return RmsNorm::apply(x, weight, eps);
}

std::tuple<Tensor, Tensor> add_rms_norm_autograd(const Tensor& x, const Tensor& added,
                                                 const Tensor& weight, double eps) {
  check_sum(x, added);
  if (!suits_rms_norm(x, weight)) return add_rms_norm_reference(x, added, weight, eps);
  const variable_list made = AddRmsNorm::apply(x, added, weight, eps);
  return {made[0], made[1]};
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def("rms_norm_reference(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def(
      "add_rms_norm(Tensor x, Tensor added, Tensor weight, float eps) -> (Tensor sum, Tensor "
      "normed)");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("rms_norm", lorashear::rms_norm_cpu);
  library.impl("rms_norm_reference", lorashear::rms_norm_reference);
  library.impl("add_rms_norm", lorashear::add_rms_norm_cpu);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("rms_norm", lorashear::rms_norm_meta);
  library.impl("add_rms_norm", lorashear::add_rms_norm_meta);
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("rms_norm", lorashear::rms_norm_autograd);
  library.impl("add_rms_norm", lorashear::add_rms_norm_autograd);
}
