// Rotary positions and their gradient, in one pass over heads that may lie anywhere.
#include <ATen/Functions.h>

#include <algorithm>

#include "kernels/device_kernels.h"
#include "kernels/heads.h"
#include "kernels/rotate/op.h"
#include "kernels/rows.h"

namespace lorashear {
namespace {

// The last dimensions of both lie densely.
void turn(const at::Tensor& from, const at::Tensor& cos, const at::Tensor& sin, bool back,
          const at::Tensor& result) {
  if (from.is_cuda()) return turn_on_device(from, cos, sin, back, result);
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  const int64_t heads = from.size(1), length = from.size(2), width = from.size(3);
  const int64_t turned = cos.size(-1);
  const int64_t batches = cos.dim() == 4 ? length : 0;  // rows of the table from text to text
  with_row_type(from.scalar_type(), [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const T* c_at = c.const_data_ptr<T>();
    const T* s_at = s.const_data_ptr<T>();
    T* out = result.mutable_data_ptr<T>();
    const auto rotate = back ? row_loops<T>().rotate_back : row_loops<T>().rotate;
    each_rows(from.size(0) * length, heads * width, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t b = row / length, t = row % length;
        const int64_t table = (b * batches + t) * turned;
        for (int64_t h = 0; h < heads; ++h) {
          const T* head = in + b * from.stride(0) + h * from.stride(1) + t * from.stride(2);
          T* to = out + b * result.stride(0) + h * result.stride(1) + t * result.stride(2);
          rotate(head, c_at + table, s_at + table, turned / 2, to);
          std::copy(head + turned, head + width, to + turned);
        }
      }
    });
  });
}

}  // namespace

bool suits_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  check_rotation(x, cos, sin);
  const at::ScalarType type = x.scalar_type();
  const bool loops = x.device().is_cpu() || (kCudaKernels && x.is_cuda());
  return loops && cos.scalar_type() == type && sin.scalar_type() == type &&
         (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

at::Tensor rotate_forward(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (!suits_rotate(x, cos, sin)) return rotate_reference(x, cos, sin);
  const at::Tensor from = with_dense_heads(x);
  at::Tensor result = at::empty_like(from);
  if (result.stride(3) != 1) result = at::empty(x.sizes(), x.options());
  turn(from, cos, sin, false, result);
  return result;
}

at::Tensor rotate_backward(const at::Tensor& gradient, const at::Tensor& cos,
                           const at::Tensor& sin) {
  const at::Tensor from = with_dense_heads(gradient);
  const at::Tensor result = empty_heads(from);
  turn(from, cos, sin, true, result);
  return result;
}

}  // namespace lorashear
