// The products by tiles of 16 rows of 64 bytes: sums are two tiles beside each other and two below.
#include "kernels/lora_linear/amx.h"

#include <ATen/native/CPUBlas.h>

#include "kernels/instruction_set.h"
#include "kernels/lines_x86.h"

namespace lorashear::amx {

bool available() {
#ifdef LORASHEAR_X86_SETS
  // oneDNN packs for AMX only, and has asked the system for the tiles' registers by then.
  return instruction_set() == InstructionSet::avx512_bf16 &&
         at::native::cpublas::could_pack(at::kBFloat16);
#else
  return false;
#endif
}

}  // namespace lorashear::amx

#ifdef LORASHEAR_X86_SETS
// After all other headers: what they define inline must not be compiled for this processor only.
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c,amx-tile,amx-bf16,prefer-vector-width=512")
#include "kernels/lora_linear/amx_tiles.h"

namespace lorashear::amx {
namespace {

LaneBuffer zeros(int64_t words) {
  LaneBuffer buffer(words);
  std::fill_n(buffer.data(), words, 0.0f);
  return buffer;
}

// Columns of all parts of r ranks, in pairs of tiles.
constexpr int64_t width_of(int64_t r) {
  return ceil_to(kParts * r, 32);
}

// Pairs of what [h1, h2, h1] [B1; B1; B2] sums up, h = h1 + h2 and B = B1 + B2 up to 2^-17, which
// is far below what y is rounded to.
constexpr int64_t out_pairs(int64_t r) {
  return ceil_to(3 * ((r + 1) / 2), kDepth / 2);
}

}  // namespace

LaneBuffer pack_in(const Strided& basis, int64_t r, int64_t n) {
  const int64_t width = width_of(r);
  LaneBuffer packed = zeros(ceil_to(n, kDepth) / 2 * width);
  each_pair(Strided{basis.data, basis.column, basis.row}, n, r,
            [&](int64_t pair, int64_t rank, __mmask16 mask, const __m512i* parts) {
#pragma GCC unroll 3
              for (int p = 0; p < kParts; ++p)
                _mm512_mask_storeu_epi32(packed.data() + pair * width + p * r + rank, mask,
                                         parts[p]);
            });
  return packed;
}

void low_rank_in(const BFloat16* x, int64_t stride, int64_t rows, int64_t n,
                 const LaneBuffer& basis, int64_t r, float scale, float* to) {
  const int64_t width = width_of(r), whole = n / kDepth * kDepth;
  const LaneBuffer sums(kRows * width);
  alignas(64) BFloat16 rest[kRows * kDepth];
  for (int64_t row = 0; row < rows; row += kRows, x += kRows * stride) {
    const int64_t count = std::min(kRows, rows - row), lower = count > 16 ? 16 : 0;
    if (row == 0 || count < kRows) configure(count);
    if (whole < n) {
      for (int64_t i = 0; i < count; ++i) {
        _mm512_store_si512(rest + i * kDepth,
                           _mm512_maskz_loadu_epi16(first_of(n - whole), x + i * stride + whole));
      }
    }
    for (int64_t column = 0; column < width; column += 32) {
      const float* with = basis.data() + column;
      settle();
      clear_sums();
      for (int64_t k = 0; k < whole; k += kDepth, with += kDepth / 2 * width) {
        multiply(x + k, x + lower * stride + k, stride, with, width);
      }
      if (whole < n) multiply(rest, rest + lower * kDepth, kDepth, with, width);
      store_sums(sums.data() + column, width);
    }
    for (int64_t i = 0; i < count; ++i, to += r) {
      const float* part = sums.data() + i * width;
      for (int64_t j = 0; j < r; j += kLanes) {
        const __mmask16 mask = first_of(r - j);
        __m512 sum = _mm512_setzero_ps();
        for (int p = kParts; p-- > 0;)
          sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, part + p * r + j));
        _mm512_mask_storeu_ps(to + j, mask, _mm512_mul_ps(sum, _mm512_set1_ps(scale)));
      }
    }
  }
  _tile_release();
}

LaneBuffer pack_out(const Strided& basis, int64_t r, int64_t n) {
  const int64_t depth = out_pairs(r), half = (r + 1) / 2;
  LaneBuffer packed = zeros(depth * ceil_to(n, 32));
  each_pair(basis, r, n, [&](int64_t pair, int64_t column, __mmask16, const __m512i* parts) {
    float* to = packed.data() + column / 32 * 32 * depth + column % 32;
    _mm512_storeu_si512(to + pair * 32, parts[0]);
    _mm512_storeu_si512(to + (half + pair) * 32, parts[0]);
    _mm512_storeu_si512(to + (2 * half + pair) * 32, parts[1]);
  });
  return packed;
}

void low_rank_out(BFloat16* y, int64_t rows, int64_t n, const Strided& coefficients,
                  const LaneBuffer& basis, int64_t r) {
  const int64_t depth = out_pairs(r) * 2, even = (r + 1) / 2 * 2;
  const LaneBuffer factor = zeros(kRows * depth / 2);
  auto* h = reinterpret_cast<BFloat16*>(factor.data());
  alignas(64) float sums[2][kRows * 32];
  configure(kRows);
  for (int64_t row = 0; row < rows; row += kRows, y += kRows * n) {
    const int64_t count = std::min(kRows, rows - row);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j < r; j += kLanes) {
        const __mmask16 mask = first_of(r - j);
        __m512 value =
            load(coefficients.data + (row + i) * coefficients.row + j * coefficients.column,
                 coefficients.column, mask);
        const __m256i first = next_part(value), second = next_part(value);
        BFloat16* to = h + i * depth + j;
        _mm256_mask_storeu_epi16(to, mask, first);
        _mm256_mask_storeu_epi16(to + even, mask, second);
        _mm256_mask_storeu_epi16(to + 2 * even, mask, first);
      }
    }
    const auto multiply_at = [&](int64_t column) __attribute__((always_inline)) {
      const float* with = basis.data() + column * (depth / 2);
      settle();
      clear_sums();
      for (int64_t k = 0; k < depth; k += kDepth)
        multiply(h + k, h + 16 * depth + k, depth, with + k / 2 * 32, 32);
    };
    multiply_at(0);
    store_sums(sums[0], 32);
    for (int64_t column = 0; column < n; column += 32) {
      // Tiles and vectors work side by side only where they alternate: the next block's sums are
      // stored while this one's are added.
      const bool more = column + 32 < n;
      if (more) multiply_at(column + 32);
      const float* sum = sums[column / 32 % 2];
      BFloat16* at = y + column;
      const __mmask32 mask = first_of(n - column);
#pragma GCC unroll 4
      for (int tile = 0; tile < 4; ++tile) {
        for (int64_t i = 8 * tile; i < std::min<int64_t>(count, 8 * tile + 8);
             ++i, at += n, sum += 32) {
          const __m512i both = _mm512_maskz_loadu_epi16(mask, at);
          const __m512 a = _mm512_add_ps(widen(_mm512_castsi512_si256(both)), _mm512_load_ps(sum));
          const __m512 b =
              _mm512_add_ps(widen(_mm512_extracti64x4_epi64(both, 1)), _mm512_load_ps(sum + 16));
          _mm512_mask_storeu_epi16(at, mask, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
        }
        if (more) store_sum(tile, sums[(column / 32 + 1) % 2], 32);
      }
    }
  }
  _tile_release();
}

LaneBuffer pack_gradient(const Strided& coefficients, int64_t rows, int64_t r) {
  // [rows / 32][ranks of all parts][32]
  const int64_t width = width_of(r);
  LaneBuffer packed = zeros(ceil_to(rows, kDepth) * width / 2);
  auto* to = reinterpret_cast<BFloat16*>(packed.data());
  for (int64_t row = 0; row < rows; row += kLanes) {
    const __mmask16 mask = first_of(rows - row);
    for (int64_t k = 0; k < r; ++k) {
      __m512 value = load(coefficients.data + row * coefficients.row + k * coefficients.column,
                          coefficients.row, mask);
      for (int p = 0; p < kParts; ++p) {
        const __m256i part = next_part(value);
        _mm256_store_si256(reinterpret_cast<__m256i*>(
                               to + (row / kDepth * width + p * r + k) * kDepth + row % kDepth),
                           part);
      }
    }
  }
  return packed;
}

void low_rank_gradient(const BFloat16* x, int64_t stride, int64_t rows, int64_t n,
                       const LaneBuffer& coefficients, int64_t r, int64_t begin,
                       const Strided& to) {
  const int64_t width = width_of(r), columns = std::min(kColumns, n - begin);
  const LaneBuffer sums = zeros(width * kColumns);  // [kColumns / 32][width][32]
  alignas(64) float panel[kColumns / 32][kChunk / 2 * 32];
  const auto* factor = reinterpret_cast<const BFloat16*>(coefficients.data());
  configure(std::min(kParts * r, kRows));
  for (int64_t first = 0; first < rows; first += kChunk, factor += kChunk * width) {
    const int64_t last = std::min(kChunk, rows - first), whole = ceil_to(last, kDepth);
    const BFloat16* from = x + first * stride + begin;
    for (int64_t i = 0; i < whole; i += 2, from += 2 * stride) {
      for (int64_t column = 0; column < columns; column += 32) {
        const __mmask32 mask = first_of(columns - column);
        const __m512i a = _mm512_maskz_loadu_epi16(i < last ? mask : 0, from + column);
        const __m512i b = _mm512_maskz_loadu_epi16(i + 1 < last ? mask : 0, from + stride + column);
        // Columns 0-3, 8-11, ..., and then those between.
        float* pair = panel[column / 32] + i / 2 * 32;
        _mm512_store_si512(pair, _mm512_unpacklo_epi16(a, b));
        _mm512_store_si512(pair + 16, _mm512_unpackhi_epi16(a, b));
      }
    }
    for (int64_t column = 0; column < columns; column += 32) {
      for (int64_t rank = 0; rank < width; rank += kRows) {
        float* sum = sums.data() + (column / 32 * width + rank) * 32;
        const BFloat16* upper = factor + rank * kDepth;
        settle();
        _tile_loadd(0, sum, 128);
        _tile_loadd(1, sum + 16, 128);
        _tile_loadd(2, sum + 512, 128);
        _tile_loadd(3, sum + 528, 128);
        for (int64_t k = 0; k < whole; k += kDepth, upper += width * kDepth)
          multiply(upper, upper + 16 * kDepth, kDepth, panel[column / 32] + k / 2 * 32, 32);
        store_sums(sum, 32);
      }
    }
  }
  _tile_release();
  const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  const __m512i steps = steps_of(to.column);
  for (int64_t column = 0; column < columns; column += 32) {
    for (int64_t k = 0; k < r; ++k) {
      const float* sum = sums.data() + (column / 32 * width + k) * 32;
      __m512 a = _mm512_setzero_ps(), b = a;
      for (int p = kParts; p-- > 0;) {
        a = _mm512_add_ps(a, _mm512_load_ps(sum + p * r * 32));
        b = _mm512_add_ps(b, _mm512_load_ps(sum + p * r * 32 + 16));
      }
      float* at = to.data + k * to.row + (begin + column) * to.column;
      const __mmask32 mask = first_of(columns - column);
      _mm512_mask_i32scatter_ps(at, mask, steps, _mm512_permutex2var_ps(a, low, b), 4);
      _mm512_mask_i32scatter_ps(at + 16 * to.column, mask >> 16, steps,
                                _mm512_permutex2var_ps(a, high, b), 4);
    }
  }
}

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
