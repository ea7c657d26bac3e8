// The gated SiLU and its gradients on CPU, in one pass each.
#include <ATen/Functions.h>

#include "kernels/device_kernels.h"
#include "kernels/gated_silu/op.h"
#include "kernels/rows.h"

namespace lorashear {

at::Tensor gated_rows(const at::Tensor& x) {
  const at::Tensor rows = x.reshape({-1, x.dim() == 0 ? 1 : x.size(-1)});
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

bool suits_gated_silu(const at::Tensor& gate, const at::Tensor& up) {
  TORCH_CHECK(gate.sizes() == up.sizes(), "gated_silu: the gate has ", gate.sizes(), ", up has ",
              up.sizes());
  const at::ScalarType type = gate.scalar_type();
  const bool loops = gate.device().is_cpu() || (kCudaKernels && gate.is_cuda());
  return loops && up.scalar_type() == type &&
         (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

at::Tensor gated_silu_cpu(const at::Tensor& gate, const at::Tensor& up) {
  if (!suits_gated_silu(gate, up)) return gated_silu_reference(gate, up);
  at::Tensor result = at::empty(gate.sizes(), gate.options());
  if (gate.numel() == 0) return result;
  const at::Tensor g = gated_rows(gate), u = gated_rows(up);
  const int64_t n = g.size(1);
  with_row_type(gate.scalar_type(), [&]<typename T>() {
    const T* g_at = g.const_data_ptr<T>();
    const T* u_at = u.const_data_ptr<T>();
    T* out = result.mutable_data_ptr<T>();
    each_rows(g.size(0), n, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        row_loops<T>().gated_silu(g_at + row * g.stride(0), u_at + row * u.stride(0), n,
                                  out + row * n);
      }
    });
  });
  return result;
}

std::pair<at::Tensor, at::Tensor> gated_silu_backward(const at::Tensor& gradient,
                                                      const at::Tensor& gate,
                                                      const at::Tensor& up) {
  at::Tensor of_gate = at::empty(gate.sizes(), gate.options()), of_up = at::empty_like(of_gate);
  if (gate.numel() == 0) return {of_gate, of_up};
  const at::Tensor d = gated_rows(gradient), g = gated_rows(gate), u = gated_rows(up);
  const int64_t n = g.size(1);
  with_row_type(gate.scalar_type(), [&]<typename T>() {
    const T* d_at = d.const_data_ptr<T>();
    const T* g_at = g.const_data_ptr<T>();
    const T* u_at = u.const_data_ptr<T>();
    T* to_gate = of_gate.mutable_data_ptr<T>();
    T* to_up = of_up.mutable_data_ptr<T>();
    each_rows(g.size(0), n, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        row_loops<T>().gated_silu_back(d_at + row * d.stride(0), g_at + row * g.stride(0),
                                       u_at + row * u.stride(0), n, to_gate + row * n,
                                       to_up + row * n);
      }
    });
  });
  return {of_gate, of_up};
}

}  // namespace lorashear
