// Device code that the kernels over slices share: finding a tile, reading storages, making u on the
// fly.
#pragma once

#undef NDEBUG  // an index out of range stops the kernel, as PyTorch's own indexing does
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cassert>

#include "kernels/device_slices.h"

namespace lorashear {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}
__device__ inline float to_float(__half value) {
  return __half2float(value);
}
__device__ inline void from_float(float value, float& to) {
  to = value;
}
__device__ inline void from_float(float value, __nv_bfloat16& to) {
  to = __float2bfloat16_rn(value);
}
__device__ inline void from_float(float value, __half& to) {
  to = __float2half_rn(value);
}

__device__ inline float read(const DeviceFactor& factor, int64_t i, int64_t j) {
  const int64_t at = i * factor.outer + j * factor.inner;
  switch (factor.storage) {
    case Storage::kFloat:
      return static_cast<const float*>(factor.data)[at];
    case Storage::kBFloat16:
      return to_float(static_cast<const __nv_bfloat16*>(factor.data)[at]);
    default:
      return to_float(static_cast<const __half*>(factor.data)[at]);
  }
}

// +0.0 is all bits zero in every storage.
__device__ inline void write_zero(const DeviceFactor& factor, int64_t i, int64_t j) {
  const int64_t at = i * factor.outer + j * factor.inner;
  if (factor.storage == Storage::kFloat) {
    static_cast<uint32_t*>(factor.data)[at] = 0;
  } else {
    static_cast<uint16_t*>(factor.data)[at] = 0;
  }
}

// V neighbouring elements in one load or store.
template <typename T, int V>
struct alignas(sizeof(T) * V) Pack {
  T value[V];
};

// The block's tile: its matrix, and the entries start .. start + count - 1 of the matrix's lists.
struct BlockTile {
  const DeviceMatrix* matrix;
  int64_t start;
  int count;
};

__device__ inline BlockTile find_tile(const DeviceMatrix* matrices, int count, int64_t tile) {
  int low = 0, high = count;  // the last matrix with first_tile <= tile
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (matrices[middle].first_tile <= tile) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const DeviceMatrix* matrix = matrices + low;
  const int slices = matrix->rows ? kRowTile : kColumnTile;
  const int64_t start = (tile - matrix->first_tile) * slices;
  const int64_t left = matrix->count - start;
  return {matrix, start, static_cast<int>(left < slices ? left : slices)};
}

// coefficients[k][tile size] = scale * carrier, in shared memory; slices beyond the tile's count
// get 0. Every thread must call it; it ends with a barrier.
template <int Slices>
__device__ inline void load_coefficients(const BlockTile& tile, float scale, float* coefficients) {
  const DeviceMatrix& matrix = *tile.matrix;
  const int rank = matrix.packed ? matrix.rank : 0;
  for (int i = threadIdx.x; i < rank * Slices; i += kThreads) {
    const int slice = i % Slices;
    coefficients[i] =
        slice < tile.count
            ? scale * read(matrix.carrier, matrix.index[tile.start + slice], i / Slices)
            : 0.0f;
  }
  __syncthreads();
}

// Rows of the packed basis begin on 16 bytes.
__device__ inline int64_t packed_stride(const DeviceMatrix& matrix) {
  return (matrix.length + 3) / 4 * 4;
}

// u[slice][v] = sum_k coefficients[k][slice] * packed[k][e + v]
template <int V>
__device__ inline void make_u(const DeviceMatrix& matrix, int64_t e, const float* coefficients,
                              float (&u)[kRowTile][V]) {
#pragma unroll
  for (int slice = 0; slice < kRowTile; ++slice) {
#pragma unroll
    for (int v = 0; v < V; ++v) u[slice][v] = 0.0f;
  }
  const int rank = matrix.packed ? matrix.rank : 0;
  for (int k = 0; k < rank; ++k) {
    const auto basis =
        *reinterpret_cast<const Pack<float, V>*>(matrix.packed + k * packed_stride(matrix) + e);
    const auto factor =
        *reinterpret_cast<const Pack<float, kRowTile / 2>*>(coefficients + k * kRowTile);
    const auto other = *reinterpret_cast<const Pack<float, kRowTile / 2>*>(
        coefficients + k * kRowTile + kRowTile / 2);
#pragma unroll
    for (int slice = 0; slice < kRowTile / 2; ++slice) {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        u[slice][v] += factor.value[slice] * basis.value[v];
        u[slice + kRowTile / 2][v] += other.value[slice] * basis.value[v];
      }
    }
  }
}

// Columns: the thread's own slice (its lane), four elements from e on; elements beyond the slice
// give 0.
constexpr int kColumnElements = 4;
__device__ inline void make_column_u(const DeviceMatrix& matrix, int64_t e,
                                     const float* coefficients, float (&u)[kColumnElements]) {
#pragma unroll
  for (int v = 0; v < kColumnElements; ++v) u[v] = 0.0f;
  const int rank = matrix.packed ? matrix.rank : 0;
  for (int k = 0; k < rank; ++k) {
    const float factor = coefficients[k * kColumnTile + threadIdx.x % 32];
#pragma unroll
    for (int v = 0; v < kColumnElements; ++v) {
      if (e + v < matrix.length) u[v] += factor * matrix.packed[k * packed_stride(matrix) + e + v];
    }
  }
}

template <typename T>
__device__ inline T* line_of(const DeviceMatrix& matrix, int64_t entry) {
  return static_cast<T*>(matrix.x.data) + matrix.index[entry] * matrix.x.outer;
}

}  // namespace lorashear
