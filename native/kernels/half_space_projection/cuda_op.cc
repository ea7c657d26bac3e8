// lorashear::half_space_projection for CUDA: checks, upload, kernels on the current stream.
#ifdef LORASHEAR_CUDA

#include <ATen/Functions.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "kernels/device_upload.h"
#include "kernels/half_space_projection/op.h"

namespace lorashear {
namespace {

at::Tensor half_space_projection_cuda(LORASHEAR_PROJECTION_PARAMETERS) {
  const char* op = "half_space_projection";
  check_projection(op, groups, remaining, pull, epsilon, x);
  const auto matrices = read_slices(op, x, lora_b, lora_a, moments, index, group, axis, groups);
  check_writable(op, matrices, /*lines=*/false);
  const c10::cuda::CUDAGuard guard(x[0].device());
  const DeviceCall call = upload(op, matrices, group, scale, groups);
  const auto options = x[0].options();
  at::Tensor result = at::empty({groups, 2}, options.dtype(at::kFloat));
  const at::Tensor keep = at::empty({groups}, options.dtype(at::kFloat));
  const at::Tensor zero = at::empty({groups}, options.dtype(at::kByte));
  ProjectionArguments arguments{};
  arguments.remaining = remaining;
  arguments.pull = pull ? pull->const_data_ptr<float>() : nullptr;
  arguments.epsilon = epsilon;
  arguments.keep = keep.mutable_data_ptr<float>();
  arguments.zero = zero.mutable_data_ptr<uint8_t>();
  arguments.result = result.mutable_data_ptr<float>();
  launch_measure(call.slices);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  launch_half_space_projection(call.slices, arguments);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  mark_written(x);
  mark_written(lora_b);
  mark_written(lora_a);
  mark_written(moments);
  return result;
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_IMPL(lorashear, CUDA, library) {
  library.impl("half_space_projection", lorashear::half_space_projection_cuda);
}

#endif
