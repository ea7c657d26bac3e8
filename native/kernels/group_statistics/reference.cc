// The definition of the group statistics: three sums per group over all its slices
// (algorithm.md 3.5), in double.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/group_statistics/op.h"

namespace lorashear {
namespace {

// The slices of one matrix as rows of a double matrix: [count, length].
at::Tensor slices_of(const at::Tensor& x, int64_t axis, const at::Tensor& index) {
  const at::Tensor picked = x.index_select(axis, index).to(at::kDouble);
  if (x.dim() == 1) return picked.unsqueeze(1);
  return axis == 0 ? picked : picked.t();
}

}  // namespace

at::Tensor group_statistics_reference(LORASHEAR_STATISTICS_PARAMETERS) {
  const char* op = "group_statistics_reference";
  const at::NoGradGuard no_grad;
  const auto matrices = read_slices(op, x, lora_b, lora_a, {}, index, group, axis, groups);
  check_lines(op, matrices, groups);
  at::Tensor sums = at::zeros({groups, 3}, at::kDouble);
  for (size_t k = 0; k < x.size(); ++k) {
    const at::Tensor xs = slices_of(x[k], axis[k], index[k]);
    at::Tensor us = at::zeros_like(xs);
    if (scale != 0 && lora_b[k].numel() > 0) {
      const at::Tensor product = at::mm(lora_b[k].to(at::kDouble), lora_a[k].to(at::kDouble));
      us = scale * slices_of(product, axis[k], index[k]);  // u_g = s [B A]_g
    }
    // ||x_g||^2, <x_g, u_g>, ||u_g||^2
    sums.index_add_(0, group[k],
                    at::stack({xs.square().sum(1), (xs * us).sum(1), us.square().sum(1)}, 1));
  }
  return sums.to(at::kFloat);
}

}  // namespace lorashear
