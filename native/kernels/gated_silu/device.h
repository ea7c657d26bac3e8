// What the CUDA kernels of gated_silu get, and their launchers. No torch, no CUDA header.
#pragma once

#include "kernels/device_slices.h"

namespace lorashear {

// Rows of n elements; those of gate, up and the gradient of the result are `*_stride` elements
// apart, those that are written lie densely.
struct GatedRows {
  const void* gate;
  const void* up;
  const void* gradient;  // of the result; null going forward
  int64_t gate_stride;
  int64_t up_stride;
  int64_t gradient_stride;
  int64_t rows;
  int64_t n;
  Storage storage;
  CUstream_st* stream;
};

void launch_gated_silu(const GatedRows& rows, void* result);
void launch_gated_silu_backward(const GatedRows& rows, void* of_gate, void* of_up);

}  // namespace lorashear
