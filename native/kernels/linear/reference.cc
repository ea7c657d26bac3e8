// The definition of a linear layer, in double.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/linear/op.h"

namespace lorashear {

at::Tensor linear_reference(const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
  const at::Tensor product = at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t());
  return (bias ? product + bias->to(at::kDouble) : product).to(x.scalar_type());
}

}  // namespace lorashear
