// Products of blocks that lie in a cache, by oneDNN's kernels inside libtorch: bf16 in pairs with
// float32 sums (AVX512_BF16, AMX), or float32.
#pragma once

#include <ATen/native/CPUBlas.h>
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace lorashear {

// A left-hand block lies row by row. A right-hand one of k rows and n columns is [k][n] or [k /
// 2][n] words: bf16 in pairs of rows, k even.
template <typename T>
struct Block {
  T* data;
  int64_t stride;  // elements from row to row of a left-hand block, words of a right-hand one
};

// Whether there are kernels for blocks of this type, as this processor and oneDNN's settings are.
bool has_block_products(at::ScalarType type);

// c (m, n) = a (m, k) b (k, n), or that added to c.
template <typename T>
void block_product(int64_t m, int64_t n, int64_t k, const Block<T>& a, const Block<T>& b,
                   const Block<float>& c, bool add) {
  at::native::cpublas::brgemm(m, n, k, a.stride, b.stride, c.stride, add, a.data, b.data, c.data,
                              sizeof(T) == 2);
}

// Lets go of the processor's tiles, at the end of a thread's share of block products.
class BlockProducts {
 public:
  BlockProducts() = default;
  ~BlockProducts() { at::native::cpublas::brgemm_release(); }
  BlockProducts(const BlockProducts&) = delete;
  BlockProducts& operator=(const BlockProducts&) = delete;
};

}  // namespace lorashear
