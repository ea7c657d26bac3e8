// The definitions of the low-rank products, by libtorch's operators, in float32 or float64.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/lora_linear/op.h"

namespace lorashear {
namespace {

at::ScalarType wide(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor rows_of(const at::Tensor& x) {
  return x.reshape({-1, x.size(-1)}).to(wide(x));
}

}  // namespace

at::Tensor low_rank_in_reference(const at::Tensor& x, const at::Tensor& basis, double scale) {
  return at::matmul(rows_of(x), basis.to(wide(x)).t()) * scale;
}

at::Tensor& low_rank_out_reference(at::Tensor& y, const at::Tensor& coefficients,
                                   const at::Tensor& basis) {
  const at::ScalarType type = wide(y);
  const at::Tensor added = at::matmul(coefficients.to(type), basis.to(type));
  return y.copy_(y.to(type) + added.view(y.sizes()));
}

at::Tensor low_rank_gradient_reference(const at::Tensor& coefficients, const at::Tensor& x,
                                       bool transposed) {
  const at::Tensor given = coefficients.to(wide(x)), from = rows_of(x);
  return transposed ? at::matmul(from.t(), given) : at::matmul(given.t(), from);
}

}  // namespace lorashear
