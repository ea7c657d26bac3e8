// lorashear::linear: schema and meta implementation; the CPU and reference ones are beside it.
#include "kernels/linear/op.h"

#include <ATen/Functions.h>
#include <torch/library.h>

namespace lorashear {
namespace {

at::Tensor linear_meta(const at::Tensor& x, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, std::optional<c10::string_view>) {
  return at::linear(x, weight, bias);
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
