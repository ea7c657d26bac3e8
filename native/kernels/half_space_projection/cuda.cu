// The half-space projection on CUDA, after the slices are measured: decide each group, then one
// pass that steps or zeroes every slice. x is read twice and written once; no atomics, so that
// every run gives the same bits.
#include "kernels/half_space_projection/step.h"
#include "kernels/slice_tiles.cuh"

namespace lorashear {
namespace {

// One warp to a group, the slices added as sum_kernel of group_statistics adds them.
__global__ void __launch_bounds__(kThreads)
    decide_kernel(DeviceSlices slices, ProjectionArguments arguments) {
  const int64_t group = blockIdx.x * static_cast<int64_t>(kWarps) + threadIdx.x / 32;
  if (group >= slices.groups) return;
  double xx = 0, xu = 0;
  for (int64_t i = slices.offsets[group] + threadIdx.x % 32; i < slices.offsets[group + 1];
       i += 32) {
    xx += slices.sums[slices.order[i] * 3];
    xu += slices.sums[slices.order[i] * 3 + 1];
  }
  for (int step = 16; step > 0; step /= 2) {
    xx += __shfl_down_sync(0xffffffffu, xx, step);
    xu += __shfl_down_sync(0xffffffffu, xu, step);
  }
  if (threadIdx.x % 32 != 0) return;
  const double pull = arguments.pull ? arguments.pull[group] : -1.0;
  const GroupStep step = group_step(xx, xu, arguments.remaining, pull, arguments.epsilon);
  arguments.keep[group] = static_cast<float>(step.keep);
  arguments.zero[group] = step.zero;
  arguments.result[group * 2] = static_cast<float>(step.norm);
  arguments.result[group * 2 + 1] = 1.0f;  // until a slice stores something else than 0
}

struct SliceChoice {
  float keep;
  bool zero;
};

template <typename T>
__device__ inline T stepped(T x, float u, SliceChoice choice, bool& nonzero) {
  const float value = choice.zero ? 0.0f : choice.keep * to_float(x) + u;
  T stored;
  from_float(value, stored);
  nonzero |= to_float(stored) != 0.0f;
  return stored;
}

template <typename T, int V>
__device__ void apply_rows(const BlockTile& tile, const float* coefficients,
                           const SliceChoice* choices, float* const* flags) {
  const DeviceMatrix& matrix = *tile.matrix;
  bool nonzero[kRowTile] = {};
  T* lines[kRowTile];
#pragma unroll
  for (int i = 0; i < kRowTile; ++i) {
    lines[i] = line_of<T>(matrix, tile.start + (i < tile.count ? i : 0));
  }
  for (int64_t e = threadIdx.x * V; e < matrix.length; e += kThreads * V) {
    float u[kRowTile][V];
    make_u<V>(matrix, e, coefficients, u);
#pragma unroll
    for (int i = 0; i < kRowTile; ++i) {
      if (i >= tile.count) continue;
      auto x = *reinterpret_cast<const Pack<T, V>*>(lines[i] + e);
#pragma unroll
      for (int v = 0; v < V; ++v) x.value[v] = stepped(x.value[v], u[i][v], choices[i], nonzero[i]);
      *reinterpret_cast<Pack<T, V>*>(lines[i] + e) = x;
    }
  }
  // All who write, write the same value.
#pragma unroll
  for (int i = 0; i < kRowTile; ++i) {
    if (nonzero[i]) *flags[i] = 0.0f;
  }
}

template <typename T>
__device__ void apply_columns(const BlockTile& tile, const float* coefficients,
                              const SliceChoice* choices, float* const* flags) {
  const DeviceMatrix& matrix = *tile.matrix;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (lane >= tile.count) return;
  bool nonzero = false;
  T* line = line_of<T>(matrix, tile.start + lane);
  for (int64_t e = warp * kColumnElements; e < matrix.length; e += kWarps * kColumnElements) {
    float u[kColumnElements];
    make_column_u(matrix, e, coefficients, u);
#pragma unroll
    for (int v = 0; v < kColumnElements; ++v) {
      if (e + v >= matrix.length) continue;
      T& x = line[(e + v) * matrix.x.inner];
      x = stepped(x, u[v], choices[lane], nonzero);
    }
  }
  if (nonzero) *flags[lane] = 0.0f;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    apply_kernel(DeviceSlices slices, ProjectionArguments arguments) {
  extern __shared__ __align__(16) float coefficients[];
  __shared__ SliceChoice choices[kColumnTile];
  __shared__ float* flags[kColumnTile];
  const BlockTile tile = find_tile(slices.matrices, slices.count, blockIdx.x);
  const DeviceMatrix& matrix = *tile.matrix;
  if (threadIdx.x < tile.count) {
    const int64_t group = matrix.group[tile.start + threadIdx.x];
    choices[threadIdx.x] = {arguments.keep[group], arguments.zero[group] != 0};
    flags[threadIdx.x] = arguments.result + group * 2 + 1;
  }
  if (!matrix.rows) {
    load_coefficients<kColumnTile>(tile, slices.scale, coefficients);
    apply_columns<T>(tile, coefficients, choices, flags);
  } else {
    load_coefficients<kRowTile>(tile, slices.scale, coefficients);
    if (matrix.wide) {
      apply_rows<T, 4>(tile, coefficients, choices, flags);
    } else {
      apply_rows<T, 1>(tile, coefficients, choices, flags);
    }
  }
  // The coefficients are in shared memory and the basis is packed: the factors can go. No other
  // block reads these lines.
  for (int i = threadIdx.x; i < tile.count * matrix.rank; i += kThreads) {
    const int64_t line = matrix.index[tile.start + i / matrix.rank];
    write_zero(matrix.carrier, line, i % matrix.rank);
    for (const DeviceFactor& moment : matrix.moments) {
      if (moment.data) write_zero(moment, line, i % matrix.rank);
    }
  }
}

}  // namespace

void launch_half_space_projection(const DeviceSlices& slices,
                                  const ProjectionArguments& arguments) {
  const unsigned groups = static_cast<unsigned>((slices.groups + kWarps - 1) / kWarps);
  if (groups > 0) decide_kernel<<<groups, kThreads, 0, slices.stream>>>(slices, arguments);
  if (slices.tiles == 0) return;
  const unsigned blocks = static_cast<unsigned>(slices.tiles);
  const size_t shared = sizeof(float) * kColumnTile * slices.rank;
  if (slices.storage == Storage::kFloat) {
    apply_kernel<float><<<blocks, kThreads, shared, slices.stream>>>(slices, arguments);
  } else if (slices.storage == Storage::kBFloat16) {
    apply_kernel<__nv_bfloat16><<<blocks, kThreads, shared, slices.stream>>>(slices, arguments);
  } else {
    apply_kernel<__half><<<blocks, kThreads, shared, slices.stream>>>(slices, arguments);
  }
}

}  // namespace lorashear
