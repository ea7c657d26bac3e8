// Rows of coefficients on the left, all their parts below each other; columns of x on the right.
#include "kernels/amx/gradient.h"

#ifdef LORASHEAR_X86_SETS
#include "kernels/amx/tiles.h"  // after all others

namespace lorashear::amx {
namespace {

constexpr int64_t kChunk = 64;  // rows of x whose columns stay in L1

LaneBuffer zeros(int64_t words) {
  LaneBuffer buffer(words);
  std::fill_n(buffer.data(), words, 0.0f);
  return buffer;
}

}  // namespace

template <typename T>
void pack_coefficients(const Strided<const float>& from, int64_t rows, const Ranks& ranks,
                       float* to) {
  const int64_t width = basis_width(ranks.all), next = from.row * first_of_pair<T>(1);
  for (int64_t row = 0; row < rows; row += kDepth, to += width * kDepth / 2) {
    const int64_t firsts = std::is_same_v<T, float> ? rows - row : (rows - row + 1) / 2;
    const int64_t seconds = std::is_same_v<T, float> ? rows - row - kLanes : (rows - row) / 2;
    for (int64_t k = 0; k < ranks.count; ++k) {
      const float* at = from.data + row * from.row + k * from.column;
      __m512i parts[kParts];
      split(load(at, next, first_of(firsts)),
            load(at + kToSecond<T> * from.row, next, first_of(seconds)), parts);
      for (int64_t p = 0; p < kParts; ++p)
        _mm512_store_si512(to + (p * ranks.all + ranks.before + k) * kDepth / 2, parts[p]);
    }
  }
}

template <typename T>
void low_rank_gradient(const T* x, int64_t stride, int64_t rows, int64_t n,
                       const float* coefficients, int64_t r, int64_t begin,
                       const std::vector<Part>& to) {
  constexpr int64_t step = parts_of<T> * kStep;
  const int64_t width = basis_width(r), columns = std::min(kColumns, n - begin);
  const LaneBuffer sums = zeros(width * kColumns);  // [kColumns / 32][width][32]
  alignas(64) BFloat16 panel[kChunk / kDepth * step];
  const auto* factor = reinterpret_cast<const BFloat16*>(coefficients);
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
            load_right(panel + i / kDepth * step + p * kStep);
            multiply();
          }
        }
        store_sums(sum, kSide);
      }
    }
  }
  _tile_release();
  for (const auto& [ranks, place] : to) {
    const __m512i places = places_of(place.column);
    for (int64_t column = 0; column < columns; column += kLanes) {
      for (int64_t k = 0; k < ranks.count; ++k) {
        const float* part =
            sums.data() + (column / kSide * width + ranks.before + k) * kSide + column % kSide;
        __m512 sum = _mm512_setzero_ps();
        for (int64_t p = kParts; p-- > 0;)
          sum = _mm512_add_ps(sum, _mm512_load_ps(part + p * r * kSide));
        float* at = place.data + k * place.row + (begin + column) * place.column;
        _mm512_mask_i32scatter_ps(at, first_of(columns - column), places, sum, 4);
      }
    }
  }
}

#define LORASHEAR_INSTANTIATE(T)                                                                  \
  template void pack_coefficients<T>(const Strided<const float>&, int64_t, const Ranks&, float*); \
  template void low_rank_gradient<T>(const T*, int64_t, int64_t, int64_t, const float*, int64_t,  \
                                     int64_t, const std::vector<Part>&);
LORASHEAR_INSTANTIATE(float)
LORASHEAR_INSTANTIATE(BFloat16)

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
