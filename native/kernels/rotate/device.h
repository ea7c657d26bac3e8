// What the CUDA kernel of rotate gets, and its launcher. No torch, no CUDA header.
#pragma once

#include "kernels/device_slices.h"

namespace lorashear {

// A tensor (B, H, T, D) whose last dimension lies densely; strides in elements.
struct Heads {
  void* data;
  int64_t batch;
  int64_t head;
  int64_t token;
};

struct Turn {
  Heads from;
  Heads to;
  const void* cos;  // (T, R), or (B, T, R) where `table` is T R and not 0
  const void* sin;
  int64_t table;
  int64_t batches, heads, tokens;
  int width;   // D
  int turned;  // R
  bool back;   // the gradient: turned the other way
  Storage storage;
  CUstream_st* stream;
};

void launch_rotate(const Turn& turn);

}  // namespace lorashear
