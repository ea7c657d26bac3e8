// Rows of coefficients on the left, all their parts below each other; columns of x on the right.
#include "kernels/amx/gradient.h"

#ifdef LORASHEAR_X86_SETS
// After all other headers: what they define inline must not be compiled for this processor only.
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c,amx-tile,amx-bf16,prefer-vector-width=512")
#include "kernels/amx/tiles.h"

namespace lorashear::amx {
namespace {

constexpr int64_t kChunk = 64;  // rows of x whose columns stay in L1

LaneBuffer zeros(int64_t words) {
  LaneBuffer buffer(words);
  std::fill_n(buffer.data(), words, 0.0f);
  return buffer;
}

// Rows of all parts of r ranks.
constexpr int64_t width_of(int64_t r) {
  return ceil_to(kParts * r, kSide);
}

}  // namespace

template <typename T>
LaneBuffer pack_gradient(const Strided<const float>& coefficients, int64_t rows, int64_t r) {
  // [rows / 32][ranks of all parts][32]
  const int64_t width = width_of(r);
  LaneBuffer packed = zeros(ceil_to(rows, kDepth) * width / 2);
  float* to = packed.data();
  const int64_t apart = kToSecond<T> * coefficients.row,
                next = coefficients.row * first_of_pair<T>(1);
  for (int64_t row = 0; row < rows; row += kDepth, to += width * kDepth / 2) {
    const int64_t firsts = std::is_same_v<T, float> ? rows - row : (rows - row + 1) / 2;
    const int64_t seconds = std::is_same_v<T, float> ? rows - row - kLanes : (rows - row) / 2;
    for (int64_t k = 0; k < r; ++k) {
      const float* at = coefficients.data + row * coefficients.row + k * coefficients.column;
      __m512i parts[kParts];
      split(load(at, next, first_of(firsts)), load(at + apart, next, first_of(seconds)), parts);
      for (int64_t p = 0; p < kParts; ++p)
        _mm512_store_si512(to + (p * r + k) * kDepth / 2, parts[p]);
    }
  }
  return packed;
}

template <typename T>
void low_rank_gradient(const T* x, int64_t stride, int64_t rows, int64_t n,
                       const LaneBuffer& coefficients, int64_t r, int64_t begin,
                       const Strided<float>& to) {
  constexpr int64_t step = parts_of<T> * kSide * kDepth;
  const int64_t width = width_of(r), columns = std::min(kColumns, n - begin);
  const LaneBuffer sums = zeros(width * kColumns);  // [kColumns / 32][width][32]
  alignas(64) BFloat16 panel[kChunk / kDepth * step];
  const auto* factor = reinterpret_cast<const BFloat16*>(coefficients.data());
  configure(std::min(kParts * r, kSide));
  for (int64_t first = 0; first < rows; first += kChunk, factor += kChunk * width) {
    const int64_t last = std::min(kChunk, rows - first);
    for (int64_t column = 0; column < columns; column += kSide) {
      for (int64_t i = 0; i < last; i += kDepth) {
        for (int64_t j = i; j < i + kDepth; ++j) {
          prefetch(x + (first + kChunk + j) * stride + begin + column);
        }
        pack_step<T>({x + (first + i) * stride + begin + column, stride, 1},
                     std::min(kDepth, last - i), columns - column, panel + i / kDepth * step);
      }
      for (int64_t rank = 0; rank < width; rank += kSide) {
        float* sum = sums.data() + (column / kSide * width + rank) * kSide;
        settle();
        load_sums(sum, kSide);
        for (int64_t i = 0; i < last; i += kDepth) {
          load_left(factor + i * width + rank * kDepth);
#pragma GCC unroll 3
          for (int64_t p = parts_of<T>; p-- > 0;) {
            load_right(panel + i / kDepth * step + p * kSide * kDepth);
            multiply();
          }
        }
        store_sums(sum, kSide);
      }
    }
  }
  _tile_release();
  const __m512i places = places_of(to.column);
  for (int64_t column = 0; column < columns; column += kLanes) {
    for (int64_t k = 0; k < r; ++k) {
      const float* part = sums.data() + (column / kSide * width + k) * kSide + column % kSide;
      __m512 sum = _mm512_setzero_ps();
      for (int64_t p = kParts; p-- > 0;)
        sum = _mm512_add_ps(sum, _mm512_load_ps(part + p * r * kSide));
      float* at = to.data + k * to.row + (begin + column) * to.column;
      _mm512_mask_i32scatter_ps(at, first_of(columns - column), places, sum, 4);
    }
  }
}

template LaneBuffer pack_gradient<float>(const Strided<const float>&, int64_t, int64_t);
template LaneBuffer pack_gradient<BFloat16>(const Strided<const float>&, int64_t, int64_t);
template void low_rank_gradient<float>(const float*, int64_t, int64_t, int64_t, const LaneBuffer&,
                                       int64_t, int64_t, const Strided<float>&);
template void low_rank_gradient<BFloat16>(const BFloat16*, int64_t, int64_t, int64_t,
                                          const LaneBuffer&, int64_t, int64_t,
                                          const Strided<float>&);

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
