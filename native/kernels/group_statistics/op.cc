// lorashear::group_statistics: schema and meta implementation; the CPU, CUDA and reference ones are
// beside it.
#include "kernels/group_statistics/op.h"

#include <ATen/Functions.h>
#include <torch/library.h>

namespace lorashear {
namespace {

at::Tensor group_statistics_meta(LORASHEAR_STATISTICS_PARAMETERS) {
  read_slices("group_statistics", x, lora_b, lora_a, {}, index, group, axis, groups);
  return at::empty({groups, 3}, x[0].options().dtype(at::kFloat));
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "group_statistics(Tensor[] x, Tensor[] lora_b, Tensor[] lora_a, Tensor[] index, "
      "Tensor[] group, int[] axis, float scale, int groups) -> Tensor");
  library.def(
      "group_statistics_reference(Tensor[] x, Tensor[] lora_b, Tensor[] lora_a, Tensor[] index, "
      "Tensor[] group, int[] axis, float scale, int groups) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("group_statistics", lorashear::group_statistics_cpu);
  library.impl("group_statistics_reference", lorashear::group_statistics_reference);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("group_statistics", lorashear::group_statistics_meta);
}

// Scores for a ranking: nothing is differentiated through them.
TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("group_statistics", torch::CppFunction::makeFallthrough());
  library.impl("group_statistics_reference", torch::CppFunction::makeFallthrough());
}
