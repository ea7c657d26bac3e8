// The definition of the gated SiLU, in double.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/gated_silu/op.h"

namespace lorashear {

at::Tensor gated_silu_reference(const at::Tensor& gate, const at::Tensor& up) {
  const at::Tensor wide = gate.to(at::kDouble);
  return (wide * at::sigmoid(wide) * up.to(at::kDouble)).to(gate.scalar_type());
}

}  // namespace lorashear
