// Rotary positions on CPU, in one pass over heads that may lie anywhere.
#include <ATen/Functions.h>

#include <algorithm>

#include "kernels/rotate/op.h"
#include "kernels/rows.h"

namespace lorashear {

at::Tensor rotate_cpu(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  check_rotation(x, cos, sin);
  const at::ScalarType type = x.scalar_type();
  if (cos.scalar_type() != type || sin.scalar_type() != type) return rotate_reference(x, cos, sin);
  const at::Tensor from = x.stride(3) == 1 ? x : x.contiguous();
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  at::Tensor result = at::empty_like(from);
  if (result.stride(3) != 1) result = at::empty(x.sizes(), x.options());
  const int64_t heads = x.size(1), length = x.size(2), width = x.size(3), turned = cos.size(-1);
  const int64_t batches = cos.dim() == 4 ? length : 0;  // rows of the table from text to text
  const bool known = with_row_type(type, [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const T* c_at = c.const_data_ptr<T>();
    const T* s_at = s.const_data_ptr<T>();
    T* out = result.mutable_data_ptr<T>();
    each_rows(x.size(0) * length, heads * width, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t b = row / length, t = row % length;
        const int64_t table = (b * batches + t) * turned;
        for (int64_t h = 0; h < heads; ++h) {
          const T* head = in + b * from.stride(0) + h * from.stride(1) + t * from.stride(2);
          T* to = out + b * result.stride(0) + h * result.stride(1) + t * result.stride(2);
          row_loops<T>().rotate(head, c_at + table, s_at + table, turned / 2, to);
          std::copy(head + turned, head + width, to + turned);
        }
      }
    });
  });
  return known ? result : rotate_reference(x, cos, sin);
}

}  // namespace lorashear
