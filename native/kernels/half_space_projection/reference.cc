// The definition of the half-space projection, one line per equation (algorithm.md 3.9, paper Alg.
// 4 and eq. 2). Everything is double and nothing is fused: this is what the fast kernels are tested
// against.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/half_space_projection/op.h"

namespace lorashear {
namespace {

// The slices of one matrix as rows of a double matrix: [count, length].
at::Tensor slices_of(const at::Tensor& x, int64_t axis, const at::Tensor& index) {
  const at::Tensor picked = x.index_select(axis, index).to(at::kDouble);
  if (x.dim() == 1) return picked.unsqueeze(1);
  return axis == 0 ? picked : picked.t();
}

}  // namespace

at::Tensor half_space_projection_reference(LORASHEAR_PROJECTION_PARAMETERS) {
  const char* op = "half_space_projection_reference";
  const at::NoGradGuard no_grad;
  check_projection(op, groups, remaining, pull, epsilon, x);
  const auto matrices = read_slices(op, x, lora_b, lora_a, moments, index, group, axis, groups);
  check_lines(op, matrices, groups);
  check_writable(op, matrices, true);

  // x_g and u_g = s [B]_g A, matrix by matrix; every use below sums over all slices of a group
  std::vector<at::Tensor> xs, us;
  at::Tensor xx = at::zeros({groups}, at::kDouble);
  for (size_t k = 0; k < x.size(); ++k) {
    xs.push_back(slices_of(x[k], axis[k], index[k]));
    us.push_back(at::zeros_like(xs[k]));
    if (scale != 0 && lora_b[k].numel() > 0) {
      const at::Tensor product = at::mm(lora_b[k].to(at::kDouble), lora_a[k].to(at::kDouble));
      us[k] = scale * slices_of(product, axis[k], index[k]);
    }
    xx.index_add_(0, group[k], xs[k].square().sum(1));
  }

  // lambda_g = max(||x_g|| / (Tp - t), pull_g)
  const at::Tensor norm = xx.sqrt();
  const double even = 1.0 / static_cast<double>(remaining);
  at::Tensor shrink = at::full_like(norm, even);  // lambda_g / ||x_g||
  if (pull) {
    const at::Tensor least = pull->to(at::kDouble);
    shrink = at::where(least > norm * even, least / (norm + 1e-12), shrink);
  }

  // x~_g = x_g + u_g - lambda_g x_g / ||x_g||, and <x~_g, x_g>
  at::Tensor product = at::zeros({groups}, at::kDouble);
  std::vector<at::Tensor> trials;
  for (size_t k = 0; k < x.size(); ++k) {
    trials.push_back(xs[k] + us[k] - shrink.index_select(0, group[k]).unsqueeze(1) * xs[k]);
    product.index_add_(0, group[k], (trials[k] * xs[k]).sum(1));
  }

  // x_g = 0 if <x~_g, x_g> < epsilon ||x_g||^2 or t == Tp - 1, else x~_g
  at::Tensor dead = (product < epsilon * xx).logical_or(norm == 0);
  if (remaining == 1) dead.fill_(true);
  at::Tensor kept = at::zeros({groups}, at::kDouble);
  for (size_t k = 0; k < x.size(); ++k) {
    const at::Tensor zero = dead.index_select(0, group[k]).unsqueeze(1);
    const at::Tensor next = trials[k].masked_fill(zero, 0.0).to(x[k].scalar_type());
    kept.index_add_(0, group[k], next.ne(0).sum(1).to(at::kDouble));
    x[k].index_copy_(axis[k], index[k],
                     x[k].dim() == 1 ? next.squeeze(1)
                     : axis[k] == 0  ? next
                                     : next.t());
    // [B]_g = 0, and Adam's m and v of those rows (columns of A where the slices are columns)
    const at::Tensor& carrier = axis[k] == 0 ? lora_b[k] : lora_a[k];
    if (carrier.numel() > 0) carrier.index_fill_(axis[k], index[k], 0);
    for (size_t j = 0; !moments.empty() && j < 2; ++j) {
      const at::Tensor& moment = moments[2 * k + j];
      if (moment.numel() > 0) moment.index_fill_(axis[k], index[k], 0);
    }
  }
  return at::stack({norm, (kept == 0).to(at::kDouble)}, 1).to(at::kFloat);
}

}  // namespace lorashear
