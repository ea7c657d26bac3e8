// Group statistics on CUDA: sums per slice (one block to a tile), then per group in list order. No
// atomics, so that every run gives the same bits.
#include "kernels/slice_tiles.cuh"

namespace lorashear {
namespace {

__global__ void pack_kernel(const DeviceMatrix* matrices) {
  const DeviceMatrix& matrix = matrices[blockIdx.y];
  if (!matrix.packed) return;
  const int64_t total = matrix.rank * matrix.length;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < total;
       i += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t k = i / matrix.length, e = i % matrix.length;
    matrix.packed[k * packed_stride(matrix) + e] = read(matrix.basis, k, e);
  }
}

template <typename T, int V>
__device__ void measure_rows(const BlockTile& tile, const float* coefficients, double* sums) {
  const DeviceMatrix& matrix = *tile.matrix;
  float totals[kRowTile][3] = {};
  const T* lines[kRowTile];
#pragma unroll
  for (int i = 0; i < kRowTile; ++i) {
    lines[i] = line_of<const T>(matrix, tile.start + (i < tile.count ? i : 0));
  }
  for (int64_t e = threadIdx.x * V; e < matrix.length; e += kThreads * V) {
    float u[kRowTile][V];
    make_u<V>(matrix, e, coefficients, u);
#pragma unroll
    for (int i = 0; i < kRowTile; ++i) {
      const auto x = *reinterpret_cast<const Pack<T, V>*>(lines[i] + e);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const float value = to_float(x.value[v]);
        totals[i][0] += value * value;
        totals[i][1] += value * u[i][v];
        totals[i][2] += u[i][v] * u[i][v];
      }
    }
  }
  __shared__ float parts[kWarps][kRowTile * 3];
#pragma unroll
  for (int i = 0; i < kRowTile * 3; ++i) {
    float part = totals[i / 3][i % 3];
    for (int step = 16; step > 0; step /= 2) part += __shfl_down_sync(0xffffffffu, part, step);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32][i] = part;
  }
  __syncthreads();
  if (threadIdx.x < tile.count * 3) {
    double total = 0;
    for (int warp = 0; warp < kWarps; ++warp) total += parts[warp][threadIdx.x];
    sums[threadIdx.x] = total;
  }
}

template <typename T>
__device__ void measure_columns(const BlockTile& tile, const float* coefficients, double* sums) {
  const DeviceMatrix& matrix = *tile.matrix;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  double totals[3] = {};
  if (lane < tile.count) {
    const T* line = line_of<const T>(matrix, tile.start + lane);
    for (int64_t e = warp * kColumnElements; e < matrix.length; e += kWarps * kColumnElements) {
      float u[kColumnElements], part[3] = {};
      make_column_u(matrix, e, coefficients, u);
#pragma unroll
      for (int v = 0; v < kColumnElements; ++v) {
        const float value = e + v < matrix.length ? to_float(line[(e + v) * matrix.x.inner]) : 0.0f;
        part[0] += value * value;
        part[1] += value * u[v];
        part[2] += u[v] * u[v];
      }
#pragma unroll
      for (int i = 0; i < 3; ++i) totals[i] += part[i];
    }
  }
  __shared__ double parts[kWarps][kColumnTile][3];
#pragma unroll
  for (int i = 0; i < 3; ++i) parts[warp][lane][i] = totals[i];
  __syncthreads();
  if (threadIdx.x < tile.count * 3) {
    double total = 0;
    for (int from = 0; from < kWarps; ++from)
      total += parts[from][threadIdx.x / 3][threadIdx.x % 3];
    sums[threadIdx.x] = total;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) measure_kernel(DeviceSlices slices) {
  extern __shared__ __align__(16) float coefficients[];
  const BlockTile tile = find_tile(slices.matrices, slices.count, blockIdx.x);
  const DeviceMatrix& matrix = *tile.matrix;
  if (threadIdx.x < tile.count) {
    const int64_t line = matrix.index[tile.start + threadIdx.x];
    const int64_t group = matrix.group[tile.start + threadIdx.x];
    assert(line >= 0 && line < matrix.extent && "lorashear: index out of range");
    assert(group >= 0 && group < slices.groups && "lorashear: group out of range");
  }
  double* sums = slices.sums + (matrix.first + tile.start) * 3;
  if (!matrix.rows) {
    load_coefficients<kColumnTile>(tile, slices.scale, coefficients);
    measure_columns<T>(tile, coefficients, sums);
  } else {
    load_coefficients<kRowTile>(tile, slices.scale, coefficients);
    if (matrix.wide) {
      measure_rows<T, 4>(tile, coefficients, sums);
    } else {
      measure_rows<T, 1>(tile, coefficients, sums);
    }
  }
}

// One warp to a group: lane j adds the slices j, j + 32, ... of the group, then the lanes are added
// as a tree.
__global__ void __launch_bounds__(kThreads)
    sum_kernel(const double* sums, const int64_t* order, const int64_t* offsets, int64_t groups,
               float* result) {
  const int64_t group = blockIdx.x * static_cast<int64_t>(kWarps) + threadIdx.x / 32;
  if (group >= groups) return;
  double totals[3] = {};
  for (int64_t i = offsets[group] + threadIdx.x % 32; i < offsets[group + 1]; i += 32) {
#pragma unroll
    for (int j = 0; j < 3; ++j) totals[j] += sums[order[i] * 3 + j];
  }
#pragma unroll
  for (int j = 0; j < 3; ++j) {
    for (int step = 16; step > 0; step /= 2) {
      totals[j] += __shfl_down_sync(0xffffffffu, totals[j], step);
    }
    if (threadIdx.x % 32 == 0) result[group * 3 + j] = static_cast<float>(totals[j]);
  }
}

}  // namespace

void launch_measure(const DeviceSlices& slices) {
  if (slices.tiles == 0) return;
  pack_kernel<<<dim3(16, slices.count), kThreads, 0, slices.stream>>>(slices.matrices);
  const unsigned blocks = static_cast<unsigned>(slices.tiles);
  const size_t shared = sizeof(float) * kColumnTile * slices.rank;
  if (slices.storage == Storage::kFloat) {
    measure_kernel<float><<<blocks, kThreads, shared, slices.stream>>>(slices);
  } else if (slices.storage == Storage::kBFloat16) {
    measure_kernel<__nv_bfloat16><<<blocks, kThreads, shared, slices.stream>>>(slices);
  } else {
    measure_kernel<__half><<<blocks, kThreads, shared, slices.stream>>>(slices);
  }
}

void launch_group_statistics(const DeviceSlices& slices, float* result) {
  const unsigned blocks = static_cast<unsigned>((slices.groups + kWarps - 1) / kWarps);
  if (blocks == 0) return;
  sum_kernel<<<blocks, kThreads, 0, slices.stream>>>(slices.sums, slices.order, slices.offsets,
                                                     slices.groups, result);
}

}  // namespace lorashear
