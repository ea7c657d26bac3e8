// Tiles of 16 rows of 64 bytes: two of sums beside each other and two below, of 32 rows and
// columns.
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
#define INLINE inline __attribute__((always_inline))

namespace lorashear::amx {
namespace {

using c10::BFloat16;
constexpr int kParts = 3;        // bf16 numbers whose sum is a float32
constexpr int64_t kLanes = 16;   // float32 of a vector
constexpr int64_t kDepth = 32;   // products that one instruction adds up
constexpr int64_t kChunk = 128;  // rows of a gradient whose columns stay in L1

constexpr int64_t ceil_to(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

INLINE __mmask16 first_of(int64_t count) {
  return count >= 16 ? 0xffff : (1u << count) - 1;
}

INLINE __mmask32 first_of_32(int64_t count) {
  return count >= 32 ? ~0u : (1u << count) - 1;
}

// GCC does not know that loading a tile reads memory, and storing one writes it.
INLINE void settle() {
  asm volatile("" ::: "memory");
}

// For `rows` rows, 1 to 32, of sums; the lower tiles repeat the upper ones where there are none.
INLINE void configure(int64_t rows) {
  struct {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  const auto upper = static_cast<uint8_t>(std::min<int64_t>(rows, 16));
  const auto lower = static_cast<uint8_t>(rows > 16 ? rows - 16 : rows);
  config.rows[0] = config.rows[1] = config.rows[4] = upper;
  config.rows[2] = config.rows[3] = config.rows[5] = lower;
  settle();
  _tile_loadconfig(&config);
}

INLINE void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

// sums += [upper; lower] with: bf16 in rows of `stride`, and 16 rows of 32 pairs.
INLINE void multiply(const BFloat16* upper, const BFloat16* lower, int64_t stride,
                     const float* with, int64_t with_stride) {
  _tile_loadd(4, upper, stride * 2);
  _tile_loadd(6, with, with_stride * 4);
  _tile_loadd(5, lower, stride * 2);
  _tile_loadd(7, with + 16, with_stride * 4);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// One of the four tiles of sums, to 32 rows of 32.
INLINE void store_sum(int64_t tile, float* to) {
  if (tile == 0) _tile_stored(0, to, 128);
  if (tile == 1) _tile_stored(1, to + 16, 128);
  if (tile == 2) _tile_stored(2, to + 512, 128);
  if (tile == 3) _tile_stored(3, to + 528, 128);
  settle();
}

INLINE void store_sums(float* to, int64_t stride) {
  _tile_stored(0, to, stride * 4);
  _tile_stored(1, to + 16, stride * 4);
  _tile_stored(2, to + 16 * stride, stride * 4);
  _tile_stored(3, to + 16 * stride + 16, stride * 4);
  settle();
}

INLINE void load_sums(const float* from, int64_t stride) {
  _tile_loadd(0, from, stride * 4);
  _tile_loadd(1, from + 16, stride * 4);
  _tile_loadd(2, from + 16 * stride, stride * 4);
  _tile_loadd(3, from + 16 * stride + 16, stride * 4);
}

INLINE __m512i steps_of(int64_t stride) {
  return _mm512_mullo_epi32(
      _mm512_set1_epi32(static_cast<int>(stride)),
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m512 load(const float* from, int64_t stride, __mmask16 mask) {
  if (stride == 1) return _mm512_maskz_loadu_ps(mask, from);
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, steps_of(stride), from, 4);
}

INLINE __m512 widen(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// The next bf16 of a float32; what is left of it stays.
INLINE __m256i next_part(__m512& value) {
  const auto part = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
  value = _mm512_sub_ps(value, widen(part));
  return part;
}

INLINE __m512i pairs(__m256i first, __m256i second) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(first),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
}

// write(pair, column, mask, parts) for two rows at a time and 16 columns.
template <typename Write>
INLINE void each_pair(const Strided& from, int64_t rows, int64_t columns, const Write& write) {
  for (int64_t row = 0; row < rows; row += 2) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      const __mmask16 mask = first_of(columns - column);
      const float* at = from.data + row * from.row + column * from.column;
      __m512 first = load(at, from.column, mask), second = _mm512_setzero_ps();
      if (row + 1 < rows) second = load(at + from.row, from.column, mask);
      __m512i parts[kParts];
#pragma GCC unroll 3
      for (__m512i& part : parts) {
        const __m256i of_first = next_part(first);
        part = pairs(of_first, next_part(second));
      }
      write(row / 2, column, mask, parts);
    }
  }
}

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
        _mm512_store_si512(rest + i * kDepth, _mm512_maskz_loadu_epi16(first_of_32(n - whole),
                                                                       x + i * stride + whole));
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
    for (int64_t tile = 0; tile < 4; ++tile) store_sum(tile, sums[0]);
    for (int64_t column = 0; column < n; column += 32) {
      // Tiles and vectors work side by side only where they alternate: the next block's sums are
      // stored while this one's are added.
      const bool more = column + 32 < n;
      if (more) multiply_at(column + 32);
      const float* sum = sums[column / 32 % 2];
      BFloat16* at = y + column;
      const __mmask32 mask = first_of_32(n - column);
#pragma GCC unroll 4
      for (int64_t tile = 0; tile < 4; ++tile) {
        for (int64_t i = 8 * tile; i < std::min(count, 8 * tile + 8); ++i, at += n, sum += 32) {
          const __m512i both = _mm512_maskz_loadu_epi16(mask, at);
          const __m512 a = _mm512_add_ps(widen(_mm512_castsi512_si256(both)), _mm512_load_ps(sum));
          const __m512 b =
              _mm512_add_ps(widen(_mm512_extracti64x4_epi64(both, 1)), _mm512_load_ps(sum + 16));
          _mm512_mask_storeu_epi16(at, mask, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
        }
        if (more) store_sum(tile, sums[(column / 32 + 1) % 2]);
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
  const LaneBuffer sums(width * kColumns);  // [kColumns / 32][width][32]
  alignas(64) float panel[kColumns / 32][kChunk / 2 * 32];
  const auto* factor = reinterpret_cast<const BFloat16*>(coefficients.data());
  configure(std::min(kParts * r, kRows));
  for (int64_t first = 0; first < rows; first += kChunk, factor += kChunk * width) {
    const int64_t last = std::min(kChunk, rows - first), whole = ceil_to(last, kDepth);
    const BFloat16* from = x + first * stride + begin;
    for (int64_t i = 0; i < whole; i += 2, from += 2 * stride) {
      for (int64_t column = 0; column < columns; column += 32) {
        const __mmask32 mask = first_of_32(columns - column);
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
        first == 0 ? clear_sums() : load_sums(sum, 32);
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
      const __mmask32 mask = first_of_32(columns - column);
      _mm512_mask_i32scatter_ps(at, mask, steps, _mm512_permutex2var_ps(a, low, b), 4);
      _mm512_mask_i32scatter_ps(at + 16 * to.column, mask >> 16, steps,
                                _mm512_permutex2var_ps(a, high, b), 4);
    }
  }
}

}  // namespace lorashear::amx
#pragma GCC pop_options
#endif
