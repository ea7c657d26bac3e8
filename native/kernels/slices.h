// The argument lists of our per-group operators as one table of matrices: which slices (rows or
// columns) take part, which group each belongs to, and which LoRA factor carries it
// (algorithm.md 3.9, paper eq. 2).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lorashear {

// A strided two-dimensional view: element (i, j) is at data + (i * outer + j * inner) elements of
// `type`.
struct Factor {
  void* data = nullptr;
  at::ScalarType type = at::kFloat;
  int64_t outer = 0;
  int64_t inner = 0;
  bool present() const { return data != nullptr; }
};

// One W (m x n) or bias (m) with u = scale * B A, B (m x r), A (r x n).
// Slice i along `axis` has `length` elements; u_i = scale * sum_k carrier(i, k) * basis(k, .):
//   axis 0 (rows):    carrier = B, basis = A          axis 1 (columns): carrier = A^T, basis = B^T
struct SliceMatrix {
  at::Tensor tensor;  // x[k]
  int64_t axis = 0;
  int64_t extent = 0;              // slices that exist along the axis
  int64_t length = 0;              // elements of one slice
  int64_t rank = 0;                // r; 0 without LoRA
  int64_t count = 0;               // slices that take part
  int64_t first = 0;               // number of slices in the matrices before this one
  Factor x;                        // (slice, element)
  Factor carrier;                  // (slice, k): zeroed by the projection
  Factor basis;                    // (k, element)
  Factor moments[2];               // (slice, k), of the carrier
  const int64_t* index = nullptr;  // [count] which slice
  const int64_t* group = nullptr;  // [count] which group
};

// Checks lengths, shapes, dtypes and devices of the lists, and joins them; every message starts
// with `op` and names the matrix. Does not read the contents of index and group (they may be on a
// device).
std::vector<SliceMatrix> read_slices(const char* op, at::TensorList x, at::TensorList lora_b,
                                     at::TensorList lora_a, at::TensorList moments,
                                     at::TensorList index, at::TensorList group,
                                     at::IntArrayRef axis, int64_t groups);

// Every index within its matrix, every group in [0, groups). Host memory only.
void check_lines(const char* op, const std::vector<SliceMatrix>& matrices, int64_t groups);

// What writing demands: no slice listed twice, no matrix listed on both axes, no storage that
// overlaps itself. `lines` says whether index can be read (host memory).
void check_writable(const char* op, const std::vector<SliceMatrix>& matrices, bool lines);

// Tells autograd that the tensors were written, so that a backward that saved them fails instead of
// lying.
void mark_written(at::TensorList tensors);

inline int64_t slice_total(const std::vector<SliceMatrix>& matrices) {
  return matrices.empty() ? 0 : matrices.back().first + matrices.back().count;
}

}  // namespace lorashear
