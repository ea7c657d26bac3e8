// The definition of the root-mean-square norm, in double.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/rms_norm/op.h"

namespace lorashear {

at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor by = at::rsqrt(at::mean(wide * wide, {-1}, /*keepdim=*/true) + eps);
  return (wide * by * weight.to(at::kDouble)).to(x.scalar_type());
}

std::tuple<at::Tensor, at::Tensor> add_rms_norm_reference(const at::Tensor& x,
                                                          const at::Tensor& added,
                                                          const at::Tensor& weight, double eps) {
  const at::Tensor sum = x + added;
  return {sum, rms_norm_reference(sum, weight, eps)};
}

}  // namespace lorashear
