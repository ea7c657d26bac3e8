// lorashear::group_statistics for CUDA: checks, upload, kernels on the current stream.
#ifdef LORASHEAR_CUDA

#include <ATen/Functions.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "kernels/device_upload.h"
#include "kernels/group_statistics/op.h"

namespace lorashear {
namespace {

at::Tensor group_statistics_cuda(LORASHEAR_STATISTICS_PARAMETERS) {
  const char* op = "group_statistics";
  const auto matrices = read_slices(op, x, lora_b, lora_a, {}, index, group, axis, groups);
  const c10::cuda::CUDAGuard guard(x[0].device());
  const DeviceCall call = upload(op, matrices, group, scale, groups);
  at::Tensor result = at::empty({groups, 3}, x[0].options().dtype(at::kFloat));
  launch_measure(call.slices);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  launch_group_statistics(call.slices, result.mutable_data_ptr<float>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return result;
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_IMPL(lorashear, CUDA, library) {
  library.impl("group_statistics", lorashear::group_statistics_cuda);
}

#endif
