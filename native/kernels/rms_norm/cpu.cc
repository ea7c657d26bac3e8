// The root-mean-square norm on CPU: each row is read twice, the second time from the cache.
#include <ATen/Functions.h>

#include "kernels/rms_norm/op.h"
#include "kernels/rows.h"

namespace lorashear {

at::Tensor rms_norm_cpu(const at::Tensor& x, const at::Tensor& weight, double eps) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && x.size(-1) == weight.size(0),
              "rms_norm: the weight has ", weight.sizes(), ", x ", x.sizes());
  if (x.scalar_type() != weight.scalar_type()) return rms_norm_reference(x, weight, eps);
  const at::Tensor from = x.contiguous(), scale = weight.contiguous();
  at::Tensor result = at::empty(x.sizes(), x.options());
  const int64_t n = x.size(-1), rows = n == 0 ? 0 : x.numel() / n;
  const bool known = with_row_type(x.scalar_type(), [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const T* w = scale.const_data_ptr<T>();
    T* out = result.mutable_data_ptr<T>();
    each_rows(rows, n, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        row_loops<T>().rms_norm(in + row * n, w, static_cast<float>(eps), n, out + row * n);
      }
    });
  });
  return known ? result : rms_norm_reference(x, weight, eps);
}

}  // namespace lorashear
