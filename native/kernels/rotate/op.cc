// lorashear::rotate: schema, checks, meta implementation and gradient; the CPU and reference ones
// are beside it.
#include "kernels/rotate/op.h"

#include <ATen/Functions.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace lorashear {

void check_rotation(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  TORCH_CHECK(x.dim() == 4, "rotate: x has ", x.dim(), " dimensions, not 4");
  TORCH_CHECK(cos.sizes() == sin.sizes(), "rotate: cosines have ", cos.sizes(), ", sines ",
              sin.sizes());
  const bool shared = cos.dim() == 2;
  const bool fits = (shared || (cos.dim() == 4 && cos.size(0) == x.size(0) && cos.size(1) == 1)) &&
                    cos.size(-2) == x.size(2) && cos.size(-1) <= x.size(3) && cos.size(-1) % 2 == 0;
  TORCH_CHECK(fits, "rotate: a table of ", cos.sizes(), " does not fit ", x.sizes());
}

namespace {

at::Tensor rotate_meta(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  check_rotation(x, cos, sin);
  return at::empty_like(x);
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Rotate : torch::autograd::Function<Rotate> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({cos, sin});
    return rotate_forward(x, cos, sin);
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const at::AutoDispatchBelowADInplaceOrView below;
    return {rotate_backward(given[0], saved[0], saved[1]), at::Tensor(), at::Tensor()};
  }
};

at::Tensor rotate_autograd(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const bool fixed = !cos.requires_grad() && !sin.requires_grad();
  if (!fixed || !suits_rotate(x, cos, sin)) return rotate_reference(x, cos, sin);
  return Rotate::apply(x, cos, sin);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def("rotate(Tensor x, Tensor cos, Tensor sin) -> Tensor");
  library.def("rotate_reference(Tensor x, Tensor cos, Tensor sin) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("rotate", lorashear::rotate_forward);
  library.impl("rotate_reference", lorashear::rotate_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("rotate", lorashear::rotate_meta);
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("rotate", lorashear::rotate_autograd);
}
