// Rotary positions and their gradient on CUDA: a thread turns some pairs of one head, and elements
// from R on are copied.
#include <algorithm>

#include "kernels/rotate/device.h"
#include "kernels/slice_tiles.cuh"

namespace lorashear {
namespace {

constexpr int64_t kMostBlocks = 1 << 16;

template <typename T, int V>
__global__ void __launch_bounds__(kThreads) rotate_kernel(Turn turn) {
  using Vector = Pack<T, V>;
  const int half = turn.turned / 2, parts = half / V;
  const int64_t all = turn.batches * turn.tokens * turn.heads * parts;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < all;
       i += gridDim.x * static_cast<int64_t>(kThreads)) {
    // Heads of a token lie beside each other in what a projection makes.
    const int part = static_cast<int>(i % parts);
    const int64_t head = i / parts % turn.heads;
    const int64_t token = i / parts / turn.heads % turn.tokens;
    const int64_t batch = i / parts / turn.heads / turn.tokens;
    const T* from = static_cast<const T*>(turn.from.data) + batch * turn.from.batch +
                    head * turn.from.head + token * turn.from.token;
    T* to = static_cast<T*>(turn.to.data) + batch * turn.to.batch + head * turn.to.head +
            token * turn.to.token;
    const int64_t row = batch * turn.table + token * turn.turned;
    const T* cosines = static_cast<const T*>(turn.cos) + row;
    const T* sines = static_cast<const T*>(turn.sin) + row;
    const int a = part * V, b = half + part * V;
    const Vector x1 = *reinterpret_cast<const Vector*>(from + a);
    const Vector x2 = *reinterpret_cast<const Vector*>(from + b);
    const Vector c1 = *reinterpret_cast<const Vector*>(cosines + a);
    const Vector c2 = *reinterpret_cast<const Vector*>(cosines + b);
    const Vector s1 = *reinterpret_cast<const Vector*>(sines + a);
    const Vector s2 = *reinterpret_cast<const Vector*>(sines + b);
    Vector y1, y2;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float first = to_float(x1.value[v]), second = to_float(x2.value[v]);
      // y1 = c1 x1 - s1 x2, y2 = c2 x2 + s2 x1; its transpose going back.
      const float p = turn.back ? to_float(s2.value[v]) : -to_float(s1.value[v]);
      const float q = turn.back ? -to_float(s1.value[v]) : to_float(s2.value[v]);
      from_float(to_float(c1.value[v]) * first + p * second, y1.value[v]);
      from_float(to_float(c2.value[v]) * second + q * first, y2.value[v]);
    }
    *reinterpret_cast<Vector*>(to + a) = y1;
    *reinterpret_cast<Vector*>(to + b) = y2;
    for (int e = turn.turned + part; e < turn.width; e += parts) to[e] = from[e];
  }
}

bool lies(const Heads& x, int64_t elements) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.batch % elements == 0 &&
         x.head % elements == 0 && x.token % elements == 0;
}

bool lies(const void* table, int64_t row, int64_t elements) {
  return reinterpret_cast<uintptr_t>(table) % 16 == 0 && row % elements == 0;
}

template <typename T, int V>
void launch(const Turn& turn) {
  const int64_t all = turn.batches * turn.tokens * turn.heads * (turn.turned / 2 / V);
  if (all == 0) return;
  const auto blocks = static_cast<unsigned>(std::min((all + kThreads - 1) / kThreads, kMostBlocks));
  rotate_kernel<T, V><<<blocks, kThreads, 0, turn.stream>>>(turn);
}

template <typename T>
void launch(const Turn& turn) {
  constexpr int V = 16 / sizeof(T);
  const bool wide = turn.turned % (2 * V) == 0 && lies(turn.from, V) && lies(turn.to, V) &&
                    lies(turn.cos, turn.turned, V) && lies(turn.sin, turn.turned, V);
  if (wide) {
    launch<T, V>(turn);
  } else {
    launch<T, 1>(turn);
  }
}

}  // namespace

void launch_rotate(const Turn& turn) {
  switch (turn.storage) {
    case Storage::kFloat:
      return launch<float>(turn);
    case Storage::kBFloat16:
      return launch<__nv_bfloat16>(turn);
    default:
      return launch<__half>(turn);
  }
}

}  // namespace lorashear
