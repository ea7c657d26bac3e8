// The inner loops of what a decoder does between its matrix products, a row at a time, compiled for
// several instruction sets (rows_body.h). All compute in float32 and round once, at the store.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <functional>
#include <type_traits>
#include <vector>

#include "kernels/attention/loops.h"
#include "kernels/instruction_set.h"

namespace lorashear {

// Rows of a matrix that are multiplied with vectors together.
constexpr int64_t kMatrixRows = 4;

// y[vector][row] = <matrix[row], x[vector]> + bias[row] for rows and vectors of n elements, of
// `outputs` rows from one y[vector] to the next; bias may be null.
template <typename T>
struct Product {
  const T* matrix;
  int64_t n;
  const T* x;
  int64_t vectors;
  const T* bias;
  T* y;
  int64_t outputs;
};

// Rows of n elements, `stride` from one to the next, beside a low-rank factor of [rank][n]; rank is
// a multiple of kRankUnit.
template <typename T>
struct LowRank {
  const T* x;           // read
  T* y;                 // added to
  const float* basis;   // [rank][n]
  float* coefficients;  // [rows][rank]
  float* gradient;      // [rank][n], added to
  int64_t rows;
  int64_t n;
  int64_t stride;
  int64_t rank;
};

// y = beside + the gradient of x from that of weight x by, by = 1 / sqrt(mean(x^2) + eps); beside
// may be null.
template <typename T>
struct NormGradient {
  const T* gradient;
  const T* beside;
  const T* x;
  const T* weight;
  float by;
  int64_t n;
  T* y;
};

template <typename T>
struct RowLoops {
  // y = weight x / sqrt(mean(x^2) + eps), n elements; gives what x was multiplied by
  float (*rms_norm)(const T* x, const T* weight, float eps, int64_t n, T* y);
  // y = gate / (1 + exp(-gate)) * up, n elements
  void (*gated_silu)(const T* gate, const T* up, int64_t n, T* y);
  // y = x cos + [-x2; x1] sin for x = [x1; x2] of 2 half elements
  void (*rotate)(const T* x, const T* cos, const T* sin, int64_t half, T* y);
  // For kMatrixRows rows or fewer.
  void (*product)(const Product<T>&, int64_t rows);
  // coefficients = x basis^T
  void (*low_rank_in)(const LowRank<T>&);
  // y += coefficients basis
  void (*low_rank_out)(const LowRank<T>&);
  // gradient += coefficients^T x, its columns begin ... end - 1
  void (*low_rank_gradient)(const LowRank<T>&, int64_t begin, int64_t end);
  // y = a + b, n elements
  void (*add)(const T* a, const T* b, int64_t n, T* y);
  void (*rms_norm_back)(const NormGradient<T>&);
  // The gradients of gate and up from that of silu(gate) up, n elements
  void (*gated_silu_back)(const T* gradient, const T* gate, const T* up, int64_t n, T* of_gate,
                          T* of_up);
  // The gradient of x from that of what rotate made
  void (*rotate_back)(const T* gradient, const T* cos, const T* sin, int64_t half, T* y);
  // to[row][column], of `stride` elements, = x
  void (*widen)(const Panel<T>& x, float* to, int64_t stride);
  AttentionLoops<T> attention;
};

using RowSet = OfStorages<RowLoops>;

// Those of instruction_set().
const RowSet& row_set();

template <typename T>
const RowLoops<T>& row_loops() {
  return row_set().template of<T>();
}

// Calls fn.template operator()<T>() for float32, bf16 and f16; false for any other type.
template <typename Fn>
bool with_row_type(at::ScalarType type, const Fn& fn) {
  switch (type) {
    case at::kFloat:
      fn.template operator()<float>();
      return true;
    case at::kBFloat16:
      fn.template operator()<c10::BFloat16>();
      return true;
    case at::kHalf:
      fn.template operator()<c10::Half>();
      return true;
    default:
      return false;
  }
}

// fn(begin, end) for parts of 0 ... rows - 1, on all threads where there is enough to do.
void each_rows(int64_t rows, int64_t length, const std::function<void(int64_t, int64_t)>& fn);

// Whether x, on CPU, has so many rows at least, and elements in them.
inline bool has_rows(const at::Tensor& x, int64_t fewest) {
  return x.device().is_cpu() && x.dim() > 0 && x.size(-1) > 0 && x.numel() / x.size(-1) >= fewest;
}

// x as rows of elements beside each other; part of a wider tensor stays where it is.
inline at::Tensor rows_of(const at::Tensor& x) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

// A new tensor with the rows of x, of another length.
inline at::Tensor empty_rows(const at::Tensor& x, int64_t length) {
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = length;
  return at::empty(sizes, x.options());
}

}  // namespace lorashear
