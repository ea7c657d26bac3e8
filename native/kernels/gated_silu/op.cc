// lorashear::gated_silu: schema, meta implementation and gradients; the CPU and reference ones are
// beside it.
#include "kernels/gated_silu/op.h"

#include <ATen/Functions.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/remade.h"

namespace lorashear {
namespace {

at::Tensor gated_silu_meta(const at::Tensor& gate, const at::Tensor& up) {
  TORCH_CHECK(gate.sizes() == up.sizes(), "gated_silu: gate and up have other shapes");
  return at::empty(gate.sizes(), gate.options());
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Keeps gate and up alone; what was made of them is computed again.
struct GatedSilu : torch::autograd::Function<GatedSilu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate,
                            const at::Tensor& up) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({gate, up});
    return gate.is_cuda() ? gated_silu_cuda(gate, up) : gated_silu_cpu(gate, up);
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto of = saved[0].is_cuda() ? gated_silu_backward_cuda : gated_silu_backward;
    const auto [gate, up] = of(given[0], saved[0], saved[1]);
    return {gate, up};
  }
};

at::Tensor made_again(AutogradContext& context) {
  const auto saved = context.get_saved_variables();
  return saved[0].is_cuda() ? gated_silu_cuda(saved[0], saved[1])
                            : gated_silu_cpu(saved[0], saved[1]);
}

const bool kRemade = remakes<GatedSilu, made_again>(0);

at::Tensor gated_silu_autograd(const at::Tensor& gate, const at::Tensor& up) {
  if (!suits_gated_silu(gate, up)) return gated_silu_reference(gate, up);
  return GatedSilu::apply(gate, up);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def("gated_silu(Tensor gate, Tensor up) -> Tensor");
  library.def("gated_silu_reference(Tensor gate, Tensor up) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("gated_silu", lorashear::gated_silu_cpu);
  library.impl("gated_silu_reference", lorashear::gated_silu_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("gated_silu", lorashear::gated_silu_meta);
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("gated_silu", lorashear::gated_silu_autograd);
}
