// The gated SiLU and its gradients on CUDA: every element is read once and written once, 16 bytes a
// thread where they lie so.
#include <algorithm>

#include "kernels/gated_silu/device.h"
#include "kernels/slice_tiles.cuh"

namespace lorashear {
namespace {

constexpr int64_t kMostBlocks = 1 << 16;

template <typename T, int V>
__global__ void __launch_bounds__(kThreads) forward_kernel(GatedRows rows, T* result) {
  using Vector = Pack<T, V>;
  const int64_t per_row = rows.n / V, all = rows.rows * per_row;
  const T* gates = static_cast<const T*>(rows.gate);
  const T* ups = static_cast<const T*>(rows.up);
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < all;
       i += gridDim.x * static_cast<int64_t>(kThreads)) {
    const int64_t row = i / per_row, at = (i - row * per_row) * V;
    const Vector g = *reinterpret_cast<const Vector*>(gates + row * rows.gate_stride + at);
    const Vector u = *reinterpret_cast<const Vector*>(ups + row * rows.up_stride + at);
    Vector made;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float x = to_float(g.value[v]);
      from_float(x / (1.0f + expf(-x)) * to_float(u.value[v]), made.value[v]);
    }
    *reinterpret_cast<Vector*>(result + row * rows.n + at) = made;
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads) backward_kernel(GatedRows rows, T* of_gate, T* of_up) {
  using Vector = Pack<T, V>;
  const int64_t per_row = rows.n / V, all = rows.rows * per_row;
  const T* gates = static_cast<const T*>(rows.gate);
  const T* ups = static_cast<const T*>(rows.up);
  const T* gradients = static_cast<const T*>(rows.gradient);
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < all;
       i += gridDim.x * static_cast<int64_t>(kThreads)) {
    const int64_t row = i / per_row, at = (i - row * per_row) * V;
    const Vector g = *reinterpret_cast<const Vector*>(gates + row * rows.gate_stride + at);
    const Vector u = *reinterpret_cast<const Vector*>(ups + row * rows.up_stride + at);
    const Vector d = *reinterpret_cast<const Vector*>(gradients + row * rows.gradient_stride + at);
    Vector to_gate, to_up;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float x = to_float(g.value[v]), slope = to_float(d.value[v]);
      const float sigmoid = 1.0f / (1.0f + expf(-x));
      from_float(slope * to_float(u.value[v]) * sigmoid * (1.0f + x * (1.0f - sigmoid)),
                 to_gate.value[v]);
      from_float(slope * x * sigmoid, to_up.value[v]);
    }
    *reinterpret_cast<Vector*>(of_gate + row * rows.n + at) = to_gate;
    *reinterpret_cast<Vector*>(of_up + row * rows.n + at) = to_up;
  }
}

bool lies(const void* data, int64_t stride, int64_t elements, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0 && stride % elements == 0;
}

template <typename T, int V>
void launch(const GatedRows& rows, void* first, void* second) {
  const int64_t all = rows.rows * (rows.n / V);
  const auto blocks = static_cast<unsigned>(std::min((all + kThreads - 1) / kThreads, kMostBlocks));
  if (rows.gradient) {
    backward_kernel<T, V><<<blocks, kThreads, 0, rows.stream>>>(rows, static_cast<T*>(first),
                                                                static_cast<T*>(second));
  } else {
    forward_kernel<T, V><<<blocks, kThreads, 0, rows.stream>>>(rows, static_cast<T*>(first));
  }
}

template <typename T>
void launch(const GatedRows& rows, void* first, void* second) {
  constexpr int V = 16 / sizeof(T);
  const bool wide = rows.n % V == 0 && lies(rows.gate, rows.gate_stride, V, 16) &&
                    lies(rows.up, rows.up_stride, V, 16) &&
                    lies(rows.gradient, rows.gradient_stride, V, 16) && lies(first, 0, V, 16) &&
                    lies(second, 0, V, 16);
  if (wide) {
    launch<T, V>(rows, first, second);
  } else {
    launch<T, 1>(rows, first, second);
  }
}

void launch(const GatedRows& rows, void* first, void* second) {
  switch (rows.storage) {
    case Storage::kFloat:
      return launch<float>(rows, first, second);
    case Storage::kBFloat16:
      return launch<__nv_bfloat16>(rows, first, second);
    default:
      return launch<__half>(rows, first, second);
  }
}

}  // namespace

void launch_gated_silu(const GatedRows& rows, void* result) {
  launch(rows, result, nullptr);
}

void launch_gated_silu_backward(const GatedRows& rows, void* of_gate, void* of_up) {
  launch(rows, of_gate, of_up);
}

}  // namespace lorashear
