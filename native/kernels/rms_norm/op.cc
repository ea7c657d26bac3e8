// lorashear::rms_norm: schema and meta implementation; the CPU and reference ones are beside it.
#include "kernels/rms_norm/op.h"

#include <ATen/Functions.h>
#include <torch/library.h>

namespace lorashear {
namespace {

at::Tensor rms_norm_meta(const at::Tensor& x, const at::Tensor& weight, double) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && x.size(-1) == weight.size(0),
              "rms_norm: the weight has another size than the last dimension");
  return at::empty(x.sizes(), x.options());
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def("rms_norm_reference(Tensor x, Tensor weight, float eps) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("rms_norm", lorashear::rms_norm_cpu);
  library.impl("rms_norm_reference", lorashear::rms_norm_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("rms_norm", lorashear::rms_norm_meta);
}
