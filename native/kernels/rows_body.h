// The loops of rows.h as text: each loops_<set>.cc defines LORASHEAR_ISA, sets its target and
// includes this once.
#pragma once

#include "kernels/lanes.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

// Up to kWidth elements; what is missing is zero, and is not stored.
template <typename T>
LORASHEAR_INLINE void load_some(const T* from, int64_t count, Floats& value) {
  if (count >= kWidth) return load(from, value);
  T lanes[kWidth] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  load(lanes, value);
}

template <typename T>
LORASHEAR_INLINE void store_some(T* to, int64_t count, const Floats& value) {
  Words stored;
  if (count >= kWidth) return store(to, value, stored);
  T lanes[kWidth];
  store(lanes, value, stored);
  for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

// fn(i, left) for vectors of n elements from `begin` on; `left` is a constant but for the last.
template <typename Fn>
LORASHEAR_INLINE void each_vector(int64_t begin, int64_t end, const Fn& fn) {
  int64_t i = begin;
  for (; i + kWidth <= end; i += kWidth) fn(i, kWidth);
  if (i < end) fn(i, end - i);
}

// Elements whose products are summed in float32, before sums go on in double.
constexpr int64_t kSummed = 512;

// e^x within 2 units in the last place; x is held to what has a normal result.
LORASHEAR_INLINE void exponential(const Floats& given, Floats& result) {
  const Floats high = Floats{} + 88.0f, low = Floats{} - 87.0f;
  Floats x = given > high ? high : given;
  x = x < low ? low : x;
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
  const Floats shifted = x * 1.44269504f + 12582912.0f;
  const Floats whole = shifted - 12582912.0f;
  const Floats r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;  // ln 2 in two parts
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;                    // Cephes' expf
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Words power = (reinterpret_cast<Words>(shifted) - 0x4b400000u + 127u) << 23;
  result = p * reinterpret_cast<Floats>(power);
}

template <typename T>
float rms_norm(const T* x, const T* weight, float eps, int64_t n, T* y) {
  Floats value, w;
  double square = 0;
  for (int64_t start = 0; start < n; start += kSummed) {
    Floats part = Floats{}, other = Floats{};
    const int64_t end = start + kSummed < n ? start + kSummed : n;
    int64_t i = start;
    for (; i + 2 * kWidth <= end; i += 2 * kWidth) {
      load(x + i, value);
      part += value * value;
      load(x + i + kWidth, value);
      other += value * value;
    }
    for (; i < end; i += kWidth) {
      load_some(x + i, end - i, value);
      part += value * value;
    }
    square += sum(part) + sum(other);
  }
  const float by = static_cast<float>(
      1.0 / __builtin_sqrt(square / static_cast<double>(n) + static_cast<double>(eps)));
  for (int64_t i = 0; i < n; i += kWidth) {
    load_some(x + i, n - i, value);
    load_some(weight + i, n - i, w);
    store_some(y + i, n - i, value * by * w);
  }
  return by;
}

template <typename T>
void gated_silu(const T* gate, const T* up, int64_t n, T* y) {
  Floats g, u, e;
  for (int64_t i = 0; i < n; i += kWidth) {
    load_some(gate + i, n - i, g);
    load_some(up + i, n - i, u);
    exponential(-g, e);
    store_some(y + i, n - i, g / (e + 1.0f) * u);
  }
}

// Back: by the transposed rotation, which takes each sine from the other half.
template <typename T, bool Back>
void rotate(const T* x, const T* cos, const T* sin, int64_t half, T* y) {
  Floats x1, x2, c, s;
  each_vector(
      0, half, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
        load_some(x + i, left, x1);
        load_some(x + half + i, left, x2);
        load_some(cos + i, left, c);
        load_some(sin + (Back ? half : 0) + i, left, s);
        store_some(y + i, left, Back ? x1 * c + x2 * s : x1 * c - x2 * s);
        load_some(cos + half + i, left, c);
        load_some(sin + (Back ? 0 : half) + i, left, s);
        store_some(y + half + i, left, Back ? x2 * c - x1 * s : x2 * c + x1 * s);
      });
}

// Registers that hold sums: rows of the matrix times vectors.
#ifdef LORASHEAR_AVX512
constexpr int kSumVectors = 16;
#else
constexpr int kSumVectors = 8;
#endif

// Elements as a product takes them: widened to float32, or bf16 in pairs where the processor adds
// the products of two in float32 at once.
template <typename T>
struct Factors {
  static constexpr int64_t kCount = kWidth;
  Floats value;
  LORASHEAR_INLINE void read(const T* from, int64_t left) { load_some(from, left, value); }
  LORASHEAR_INLINE void add(const Factors& other, Floats& total) const {
    total += value * other.value;
  }
};

#ifdef LORASHEAR_AVX512_BF16
template <>
struct Factors<c10::BFloat16> {
  static constexpr int64_t kCount = 2 * kWidth;
  __m512i value;
  LORASHEAR_INLINE void read(const c10::BFloat16* from, int64_t left) {
    value = left >= kCount ? _mm512_loadu_si512(from)
                           : _mm512_maskz_loadu_epi16((1u << left) - 1, from);
  }
  LORASHEAR_INLINE void add(const Factors& other, Floats& total) const {
    total = reinterpret_cast<Floats>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(total),
                                                      reinterpret_cast<__m512bh>(value),
                                                      reinterpret_cast<__m512bh>(other.value)));
  }
};
#endif

// y[vector * outputs + row]. One vector has two sums a row, so that additions need not wait.
template <typename T, int Rows, int Vectors>
LORASHEAR_INLINE void product_of(const Product<T>& p, const T* x, T* y) {
  constexpr int kSums = Vectors == 1 ? 2 : Vectors;
  constexpr int64_t kCount = Factors<T>::kCount;
  Floats sums[Rows][kSums];
  Factors<T> value[Rows], with;
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 8
    for (int s = 0; s < kSums; ++s) sums[row][s] = Floats{};
  }
  const auto step = [&](int64_t i, int64_t left, int which) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) value[row].read(p.matrix + row * p.n + i, left);
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      with.read(x + v * p.n + i, left);
#pragma GCC unroll 4
      for (int row = 0; row < Rows; ++row)
        value[row].add(with, sums[row][Vectors == 1 ? which : v]);
    }
  };
  int64_t i = 0;
  for (; i + 2 * kCount <= p.n; i += 2 * kCount) {
    // The rows after these.
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const T* next = p.matrix + (kMatrixRows + row) * p.n + i;
      __builtin_prefetch(next, 0, 2);
      if constexpr (2 * kCount * sizeof(T) > 64) __builtin_prefetch(next + kCount, 0, 2);
    }
    step(i, kCount, 0);
    step(i + kCount, kCount, 1);
  }
  for (; i < p.n; i += kCount) step(i, p.n - i, 0);
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
    const double bias = p.bias ? static_cast<double>(static_cast<float>(p.bias[row])) : 0;
    if constexpr (Vectors == 1) sums[row][0] += sums[row][1];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      y[v * p.outputs + row] = static_cast<T>(static_cast<float>(sum(sums[row][v]) + bias));
    }
  }
}

// All vectors, as many at a time as the registers have room for.
template <typename T, int Rows>
LORASHEAR_INLINE void product_rows(const Product<T>& p) {
  int64_t v = 0;
  const auto take = [&](auto count) __attribute__((always_inline)) {
    constexpr int kTaken = decltype(count)::value;
    for (; v + kTaken <= p.vectors; v += kTaken) {
      product_of<T, Rows, kTaken>(p, p.x + v * p.n, p.y + v * p.outputs);
    }
  };
  if constexpr (kSumVectors / Rows >= 8) take(std::integral_constant<int, 8>{});
  if constexpr (kSumVectors / Rows >= 4) take(std::integral_constant<int, 4>{});
  take(std::integral_constant<int, 2>{});
  take(std::integral_constant<int, 1>{});
}

template <typename T>
LORASHEAR_INLINE void advance(Product<T>& p, int64_t rows) {
  p.matrix += rows * p.n;
  p.bias += p.bias ? rows : 0;
  p.y += rows;
}

template <typename T>
void product(const Product<T>& given, int64_t rows) {
  Product<T> p = given;
  // Each row comes from memory while all vectors are multiplied with it: fewer rows, more vectors.
  const int64_t together = p.vectors <= kSumVectors / 4 ? 4 : 2;
  for (; rows >= together; rows -= together, advance(p, together)) {
    if (together == 4) {
      product_rows<T, 4>(p);
    } else {
      product_rows<T, 2>(p);
    }
  }
  for (; rows > 0; --rows, advance(p, 1)) product_rows<T, 1>(p);
}

}  // namespace
}  // namespace lorashear::LORASHEAR_ISA

#include "kernels/attention/loops_body.h"
#include "kernels/low_rank_body.h"
#include "kernels/rows_back_body.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

template <typename T>
void widen_rows(const Panel<T>& x, float* to, int64_t stride) {
  Floats value;
  for (int64_t row = 0; row < x.rows; ++row) {
    each_vector(
        0, x.columns, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
          load_some(x.data + row * x.stride + i, left, value);
          store_some(to + row * stride + i, left, value);
        });
  }
}

template <typename T>
constexpr RowLoops<T> row_loops_of = {rms_norm<T>,
                                      gated_silu<T>,
                                      rotate<T, false>,
                                      product<T>,
                                      low_rank_in<T>,
                                      low_rank_out<T>,
                                      low_rank_gradient<T>,
                                      add<T>,
                                      rms_norm_back<T>,
                                      gated_silu_back<T>,
                                      rotate<T, true>,
                                      widen_rows<T>,
                                      {pair_columns<T>, pair_rows<T>, transpose<T>, write_rows<T>,
                                       row_products<T>, softmax<T>, key_gradients<T>}};

}  // namespace

extern const RowSet rows;
const RowSet rows = {row_loops_of<float>, row_loops_of<c10::BFloat16>, row_loops_of<c10::Half>};

}  // namespace lorashear::LORASHEAR_ISA
