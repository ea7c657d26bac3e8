// lorashear::gated_silu for CUDA: its kernels on the current stream.
#include <ATen/Functions.h>
#include <torch/library.h>

#include "kernels/device_kernels.h"
#include "kernels/gated_silu/device.h"
#include "kernels/gated_silu/op.h"

#ifdef LORASHEAR_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace lorashear {

#ifdef LORASHEAR_CUDA
namespace {

GatedRows rows_on_device(const at::Tensor& gate, const at::Tensor& up) {
  GatedRows rows{};
  rows.gate = gate.const_data_ptr();
  rows.up = up.const_data_ptr();
  rows.gate_stride = gate.stride(0);
  rows.up_stride = up.stride(0);
  rows.rows = gate.size(0);
  rows.n = gate.size(1);
  rows.storage = storage_of("gated_silu", gate.scalar_type());
  rows.stream = c10::cuda::getCurrentCUDAStream();
  return rows;
}

}  // namespace

at::Tensor gated_silu_cuda(const at::Tensor& gate, const at::Tensor& up) {
  if (!suits_gated_silu(gate, up)) return gated_silu_reference(gate, up);
  const c10::cuda::CUDAGuard guard(gate.device());
  at::Tensor result = at::empty(gate.sizes(), gate.options());
  if (gate.numel() == 0) return result;
  const at::Tensor g = gated_rows(gate), u = gated_rows(up);
  launch_gated_silu(rows_on_device(g, u), result.mutable_data_ptr());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return result;
}

std::pair<at::Tensor, at::Tensor> gated_silu_backward_cuda(const at::Tensor& gradient,
                                                           const at::Tensor& gate,
                                                           const at::Tensor& up) {
  const c10::cuda::CUDAGuard guard(gate.device());
  at::Tensor of_gate = at::empty(gate.sizes(), gate.options()), of_up = at::empty_like(of_gate);
  if (gate.numel() == 0) return {of_gate, of_up};
  const at::Tensor g = gated_rows(gate), u = gated_rows(up), d = gated_rows(gradient);
  GatedRows rows = rows_on_device(g, u);
  rows.gradient = d.const_data_ptr();
  rows.gradient_stride = d.stride(0);
  launch_gated_silu_backward(rows, of_gate.mutable_data_ptr(), of_up.mutable_data_ptr());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {of_gate, of_up};
}
#else
at::Tensor gated_silu_cuda(const at::Tensor& gate, const at::Tensor& up) {
  return gated_silu_reference(gate, up);
}

std::pair<at::Tensor, at::Tensor> gated_silu_backward_cuda(const at::Tensor&, const at::Tensor&,
                                                           const at::Tensor&) {
  TORCH_CHECK(false, "gated_silu: this addon has no CUDA kernels");
}
#endif

}  // namespace lorashear

TORCH_LIBRARY_IMPL(lorashear, CUDA, library) {
  library.impl("gated_silu", lorashear::gated_silu_cuda);
}
