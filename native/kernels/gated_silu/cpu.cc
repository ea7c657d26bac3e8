// The gated SiLU on CPU, in one pass.
#include <ATen/Functions.h>

#include "kernels/gated_silu/op.h"
#include "kernels/rows.h"

namespace lorashear {

namespace {

// As rows of n elements beside each other; halves of a wider tensor stay where they are.
at::Tensor rows_of(const at::Tensor& x, int64_t n) {
  const at::Tensor rows = x.reshape({-1, n});
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

}  // namespace

at::Tensor gated_silu_cpu(const at::Tensor& gate, const at::Tensor& up) {
  TORCH_CHECK(gate.sizes() == up.sizes(), "gated_silu: the gate has ", gate.sizes(), ", up has ",
              up.sizes());
  if (gate.scalar_type() != up.scalar_type()) return gated_silu_reference(gate, up);
  at::Tensor result = at::empty(gate.sizes(), gate.options());
  if (gate.numel() == 0) return result;
  const int64_t n = gate.dim() == 0 ? 1 : gate.size(-1);
  const at::Tensor g = rows_of(gate, n), u = rows_of(up, n);
  const bool known = with_row_type(gate.scalar_type(), [&]<typename T>() {
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
  return known ? result : gated_silu_reference(gate, up);
}

}  // namespace lorashear
