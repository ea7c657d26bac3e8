// Sums of a block stay in the nearest cache while rows and columns of all depth meet in it.
#include "kernels/blocks/engine.h"

#include <ATen/native/CPUBlas.h>

#include <algorithm>

#include "kernels/block_product.h"
#include "kernels/instruction_set.h"
#include "kernels/rows.h"

namespace lorashear::blocks {
namespace {

// Blocks come in few sizes, because oneDNN compiles a kernel for each.
constexpr int64_t kBlock = 16;
// Elements of depth that meet at once: their rows and columns stay in L2.
constexpr int64_t kChunk = 512;
// Fewest rows for which packing a matrix pays; libtorch multiplies halves one by one.
constexpr int64_t kFewestRows = 64;
constexpr int64_t kFewestRowsOfHalves = 9;

// Whether libtorch has products of this type that are no slower than those of float32.
bool multiplies(at::ScalarType type) {
  return type == at::kBFloat16 ? instruction_set() == InstructionSet::avx512_bf16
                               : at::native::cpublas::could_pack(at::kHalf);
}

// A part of the depth, where it begins in left and right panels.
struct Chunk {
  int64_t left, left_stride, right, depth;
};

// The sources' chunks, and then one for each term.
template <typename T>
std::vector<Chunk> chunks_of(const packed::Depth& all, int64_t left, int64_t right) {
  using Engine = Blocks<T>;
  std::vector<Chunk> chunks;
  int64_t before = 0;
  for (const int64_t steps : all.of_sources) {
    const int64_t depth = steps * Engine::kDepth;
    for (int64_t k = 0; k < depth; k += kChunk) {
      chunks.push_back({Engine::left_size(before) + k, depth,
                        Engine::right_size(before) + k * Engine::kColumns,
                        std::min(kChunk, depth - k)});
    }
    before += steps;
  }
  for (const int64_t r : all.ranks) {
    chunks.push_back({left, Engine::depth_of(r), right, Engine::depth_of(r)});
    left += Engine::left_term(r);
    right += Engine::right_term(r);
  }
  return chunks;
}

}  // namespace

bool suits(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  if (!has_block_products(at::kFloat)) return false;
  if (type == at::kFloat) return has_rows(x, kFewestRows);
  return (type == at::kBFloat16 || type == at::kHalf) && has_rows(x, kFewestRowsOfHalves) &&
         !multiplies(type);
}

template <typename T>
void Blocks<T>::pack_left(const T* x, int64_t stride, int64_t rows, int64_t k, float* to) {
  const int64_t depth = ceil_to(k, kDepth), high = ceil_to(rows, kBlock);
  row_loops<T>().widen({x, stride, rows, k}, to, depth);
  for (int64_t i = 0; i < high; ++i) {
    const int64_t count = i < rows ? k : 0;
    std::fill(to + i * depth + count, to + (i + 1) * depth, 0.0f);
  }
}

template <typename T>
void Blocks<T>::pack_right(const Strided<const T>& from, int64_t columns, int64_t k, float* to,
                           int64_t distance) {
  constexpr int64_t kWide = 128;  // elements that are widened, and then turned, at once
  constexpr int64_t kHigh = 16;   // rows that are read at once, over all columns
  const RowLoops<T>& loops = row_loops<T>();
  const LaneBuffer wide(std::is_same_v<T, float> ? 0 : kColumns * kWide);
  const int64_t depth = ceil_to(k, kDepth);
  for (int64_t i = 0; from.column != 1 && i < k; i += kHigh) {
    const int64_t high = std::min(kHigh, k - i);
    for (int64_t column = 0; column < columns; column += kColumns) {
      const int64_t count = std::min(kColumns, columns - column);
      float* at = to + column / kColumns * distance + i * kColumns;
      if (count < kColumns) std::fill_n(at, high * kColumns, 0.0f);
      loops.widen({from.data + i * from.column + column, from.column, high, count}, at, kColumns);
    }
  }
  for (int64_t column = 0; column < columns; column += kColumns, to += distance) {
    const int64_t count = std::min(kColumns, columns - column);
    const T* data = from.data + column * from.row;
    for (int64_t i = 0; from.column == 1 && i < k; i += kWide) {
      Panel<float> panel{wide.data(), kWide, count, std::min(kWide, k - i)};
      if constexpr (std::is_same_v<T, float>) {
        panel.data = data + i, panel.stride = from.row;
      } else {
        loops.widen({data + i, from.row, count, panel.columns}, wide.data(), kWide);
      }
      row_loops<float>().attention.transpose(panel, kColumns, to + i * kColumns, kColumns);
    }
    std::fill(to + k * kColumns, to + depth * kColumns, 0.0f);
  }
}

template <typename T>
void Blocks<T>::pack_basis(const Strided<const float>& basis, int64_t r, int64_t k, float* to) {
  const int64_t wide = depth_of(r);
  std::fill_n(to, basis_size(r, k), 0.0f);
  for (int64_t j = 0; j < r; ++j) {
    for (int64_t i = 0; i < k; ++i) to[i * wide + j] = basis.data[j * basis.row + i * basis.column];
  }
}

template <typename T>
void Blocks<T>::pack_left_term(const float* h, int64_t stride, int64_t rows, int64_t r, float* to) {
  const int64_t depth = depth_of(r);
  std::fill_n(to, left_term(r), 0.0f);
  for (int64_t i = 0; i < rows; ++i) std::copy_n(h + i * stride, r, to + i * depth);
}

template <typename T>
void Blocks<T>::pack_right_term(const Strided<const float>& factor, int64_t columns, int64_t r,
                                float* to) {
  std::fill_n(to, right_term(r), 0.0f);
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t i = 0; i < r; ++i)
      to[i * kColumns + column] = factor.data[column * factor.row + i * factor.column];
  }
}

template <typename T>
void Blocks<T>::low_rank(const float* left, int64_t steps, const float* basis, int64_t r,
                         float scale, int64_t rows, float* h) {
  const int64_t wide = depth_of(r);
  const LaneBuffer sums(kRows * wide);
  block_product<float>(ceil_to(rows, kBlock), wide, steps * kDepth,
                       {const_cast<float*>(left), steps * kDepth},
                       {const_cast<float*>(basis), wide}, {sums.data(), wide}, false);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < r; ++j) h[i * r + j] = scale * sums.data()[i * wide + j];
  }
}

template <typename T>
void Blocks<T>::multiply(const Panels& left, const Panels& right, const packed::Depth& depth,
                         const packed::Sums<T>& to) {
  const int64_t wide = ceil_to(to.columns, kBlock);
  const std::vector<Chunk> chunks = chunks_of<T>(depth, left.terms, right.terms);
  // The last sums of a panel and its terms meet while they are in L1.
  const size_t last = chunks.size() - 1 - depth.ranks.size();
  LaneBuffer aside;
  const BlockProducts products;
  for (int64_t row = 0; row < to.rows; row += kRows) {
    const int64_t rows = std::min(kRows, to.rows - row), high = ceil_to(rows, kBlock);
    T* y = to.y + row * to.stride;
    Block<float> sums{nullptr, wide};
    if constexpr (std::is_same_v<T, float>) {
      if (!to.bias && high == rows && wide == to.columns) sums = {y, to.stride};
    }
    const bool direct = sums.data;
    if (!direct) {
      if (!aside.data()) aside = LaneBuffer(kRows * wide);
      sums.data = aside.data();
    }
    if (to.bias) row_loops<T>().widen({to.bias, 0, rows, to.columns}, sums.data, wide);
    const float* a = left.first + row / kRows * left.distance;
    for (size_t first = 0; first <= last; ++first) {
      for (int64_t column = 0; column < wide; column += kColumns) {
        const float* b = right.first + column / kColumns * right.distance;
        for (size_t i = first; i == first || (first == last && i < chunks.size()); ++i) {
          const Chunk& at = chunks[i];
          block_product<float>(high, std::min(kColumns, wide - column), at.depth,
                               {const_cast<float*>(a) + at.left, at.left_stride},
                               {const_cast<float*>(b) + at.right, kColumns},
                               {sums.data + column, sums.stride}, i > 0 || to.bias);
        }
      }
    }
    if (!direct)
      row_loops<T>().attention.write_rows({sums.data, wide, rows, to.columns}, nullptr, y,
                                          to.stride);
  }
}

template struct Blocks<float>;
template struct Blocks<c10::BFloat16>;
template struct Blocks<c10::Half>;

}  // namespace lorashear::blocks
