// Attention by libtorch: what the operator means, for every type and device.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/attention/op.h"

namespace lorashear {

at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const std::optional<at::Tensor>& first, double scale) {
  check_attention(q, k, v, first);
  const int64_t length = q.size(2), total = k.size(2);
  const bool grouped = q.size(1) != k.size(1);
  if (!first && length == total)
    return at::scaled_dot_product_attention(q, k, v, std::nullopt, 0.0, true, scale, grouped);
  const auto numbers = q.options().dtype(at::kInt);
  const at::Tensor token = at::arange(total, numbers);
  const at::Tensor own = at::arange(total - length, total, numbers).unsqueeze(1);
  at::Tensor seen = token.le(own);  // (T, S)
  if (first) seen = seen.logical_and(token.ge(at::minimum(first->unsqueeze(2), own)));
  const at::Tensor mask = seen.dim() == 3 ? seen.unsqueeze(1) : seen;
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, scale, grouped);
}

}  // namespace lorashear
