// Whether this addon was built with our CUDA kernels, and how they name element types.
#pragma once

#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include "kernels/device_slices.h"

namespace lorashear {

#ifdef LORASHEAR_CUDA
constexpr bool kCudaKernels = true;
#else
constexpr bool kCudaKernels = false;
#endif

inline Storage storage_of(const char* op, c10::ScalarType type) {
  switch (type) {
    case c10::kFloat:
      return Storage::kFloat;
    case c10::kBFloat16:
      return Storage::kBFloat16;
    case c10::kHalf:
      return Storage::kHalf;
    default:
      TORCH_CHECK(false, op, ": ", type,
                  " is supported on CPU only; use fp32, bf16 or f16 on CUDA");
  }
}

}  // namespace lorashear
