// The low-rank products on CUDA, by cuBLAS: in the type of x, summed in float32, and y added to
// where it lies.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/library.h>

#include "kernels/lora_linear/op.h"

namespace lorashear {
namespace {

at::Tensor rows_of(const at::Tensor& x) {
  return x.reshape({-1, x.size(-1)});
}

// a b in float32, unrounded, for a and b of half precision; in their own type else.
at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const at::ScalarType type = a.scalar_type();
  const bool half = type == at::kBFloat16 || type == at::kHalf;
  return half ? at::mm(a, b, at::kFloat) : at::mm(a, b);
}

at::Tensor low_rank_in_cuda(const at::Tensor& x, const at::Tensor& basis, double scale) {
  const at::Tensor result = product(rows_of(x), basis.to(x.scalar_type()).t());
  return scale == 1 ? result : result * scale;
}

at::Tensor& low_rank_out_cuda(at::Tensor& y, const at::Tensor& coefficients,
                              const at::Tensor& basis) {
  if (!y.is_contiguous()) return low_rank_out_reference(y, coefficients, basis);
  const at::ScalarType type = y.scalar_type();
  y.view({-1, y.size(-1)}).addmm_(coefficients.to(type), basis.to(type));
  return y;
}

at::Tensor low_rank_gradient_cuda(const at::Tensor& coefficients, const at::Tensor& x,
                                  bool transposed) {
  const at::Tensor result = product(coefficients.to(x.scalar_type()).t(), rows_of(x));
  return transposed ? result.t().contiguous() : result;
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_IMPL(lorashear, CUDA, library) {
  library.impl("low_rank_in", lorashear::low_rank_in_cuda);
  library.impl("low_rank_out", lorashear::low_rank_out_cuda);
  library.impl("low_rank_gradient", lorashear::low_rank_gradient_cuda);
}
