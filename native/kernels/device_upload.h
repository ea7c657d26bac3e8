// The matrices of a call on the device: descriptors uploaded, scratch allocated, slices sorted by
// group.
#pragma once

#include "kernels/device_slices.h"
#include "kernels/slices.h"

namespace lorashear {

// Keeps the device memory that `slices` points to; libtorch's allocator reuses it only in stream
// order.
struct DeviceCall {
  DeviceSlices slices;
  std::vector<at::Tensor> memory;
};

// Enqueues everything on the current stream and does not wait for it. `op` opens the messages of
// what CUDA does not support: fp64, mixed storages of x, ranks above 256.
DeviceCall upload(const char* op, const std::vector<SliceMatrix>& matrices, at::TensorList group,
                  double scale, int64_t groups);

}  // namespace lorashear
