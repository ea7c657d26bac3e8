// The definition of rotary positions, in double: pairs (i, i + R/2) turn, what is beyond R stays.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/rotate/op.h"

namespace lorashear {

at::Tensor rotate_reference(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  check_rotation(x, cos, sin);
  const int64_t turned = cos.size(-1), half = turned / 2;
  const at::Tensor wide = x.narrow(-1, 0, turned).to(at::kDouble);
  const at::Tensor other = at::cat({-wide.narrow(-1, half, half), wide.narrow(-1, 0, half)}, -1);
  const at::Tensor result = wide * cos.to(at::kDouble) + other * sin.to(at::kDouble);
  const at::Tensor rest = x.narrow(-1, turned, x.size(3) - turned);
  return at::cat({result.to(x.scalar_type()), rest}, -1);
}

}  // namespace lorashear
