// lorashear::rotate for CUDA: its kernel on the current stream.
#include <ATen/Functions.h>
#include <torch/library.h>

#include "kernels/device_kernels.h"
#include "kernels/rotate/device.h"
#include "kernels/rotate/op.h"

#ifdef LORASHEAR_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace lorashear {

void turn_on_device(const at::Tensor& from, const at::Tensor& cos, const at::Tensor& sin, bool back,
                    const at::Tensor& result) {
#ifdef LORASHEAR_CUDA
  const c10::cuda::CUDAGuard guard(from.device());
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  const auto heads = [](const at::Tensor& x) {
    return Heads{const_cast<void*>(x.const_data_ptr()), x.stride(0), x.stride(1), x.stride(2)};
  };
  Turn turn{};
  turn.from = heads(from);
  turn.to = heads(result);
  turn.cos = c.const_data_ptr();
  turn.sin = s.const_data_ptr();
  turn.table = cos.dim() == 4 ? cos.size(-2) * cos.size(-1) : 0;
  turn.batches = from.size(0);
  turn.heads = from.size(1);
  turn.tokens = from.size(2);
  turn.width = static_cast<int>(from.size(3));
  turn.turned = static_cast<int>(cos.size(-1));
  turn.back = back;
  turn.storage = storage_of("rotate", from.scalar_type());
  turn.stream = c10::cuda::getCurrentCUDAStream();
  launch_rotate(turn);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
#else
  TORCH_CHECK(false, "rotate: this addon has no CUDA kernels");
#endif
}

}  // namespace lorashear

TORCH_LIBRARY_IMPL(lorashear, CUDA, library) {
  library.impl("rotate", lorashear::rotate_forward);
}
