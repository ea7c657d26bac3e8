// lorashear::gated_silu: schema and meta implementation; the CPU and reference ones are beside it.
#include "kernels/gated_silu/op.h"

#include <ATen/Functions.h>
#include <torch/library.h>

namespace lorashear {
namespace {

at::Tensor gated_silu_meta(const at::Tensor& gate, const at::Tensor& up) {
  TORCH_CHECK(gate.sizes() == up.sizes(), "gated_silu: gate and up have other shapes");
  return at::empty(gate.sizes(), gate.options());
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
