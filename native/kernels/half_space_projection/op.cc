// lorashear::half_space_projection: schema, meta implementation; the CPU, CUDA and reference ones
// are beside it.
#include "kernels/half_space_projection/op.h"

#include <ATen/Functions.h>
#include <torch/library.h>

namespace lorashear {

static at::Tensor half_space_projection_meta(LORASHEAR_PROJECTION_PARAMETERS) {
  check_projection("half_space_projection", groups, remaining, pull, epsilon, x);
  const auto matrices =
      read_slices("half_space_projection", x, lora_b, lora_a, moments, index, group, axis, groups);
  check_writable("half_space_projection", matrices, false);
  return at::empty({groups, 2}, x[0].options().dtype(at::kFloat));
}

void check_projection(const char* op, int64_t groups, int64_t remaining,
                      const std::optional<at::Tensor>& pull, double epsilon, at::TensorList x) {
  TORCH_CHECK(remaining >= 1, op, ": remaining must be at least 1, it is ", remaining);
  TORCH_CHECK(epsilon >= 0 && epsilon < 1, op, ": epsilon must be in [0, 1), it is ", epsilon);
  if (!pull) return;
  TORCH_CHECK(pull->dim() == 1 && pull->size(0) == groups && pull->scalar_type() == at::kFloat &&
                  pull->is_contiguous(),
              op, ": pull must be a contiguous fp32 vector of ", groups, " groups, it is ",
              pull->scalar_type(), " of shape ", pull->sizes());
  TORCH_CHECK(x.empty() || pull->device() == x[0].device(), op, ": pull is on ", pull->device(),
              ", x[0] on ", x[0].device());
}

}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "half_space_projection(Tensor(a!)[] x, Tensor(b!)[] lora_b, Tensor(c!)[] lora_a, "
      "Tensor(d!)[] moments, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups, "
      "int remaining, Tensor? pull=None, float epsilon=0.0) -> Tensor");
  library.def(
      "half_space_projection_reference(Tensor(a!)[] x, Tensor(b!)[] lora_b, Tensor(c!)[] lora_a, "
      "Tensor(d!)[] moments, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups, "
      "int remaining, Tensor? pull=None, float epsilon=0.0) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("half_space_projection", lorashear::half_space_projection_cpu);
  library.impl("half_space_projection_reference", lorashear::half_space_projection_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("half_space_projection", lorashear::half_space_projection_meta);
}

// A step of an optimiser: nothing is differentiated through it.
TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("half_space_projection", torch::CppFunction::makeFallthrough());
  library.impl("half_space_projection_reference", torch::CppFunction::makeFallthrough());
}
