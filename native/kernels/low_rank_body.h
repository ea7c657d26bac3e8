// Products with the few rows of a low-rank factor, as text: rows_body.h includes this.
#pragma once

namespace lorashear::LORASHEAR_ISA {
namespace {

// Rows of x that are worked on together: their sums stay in registers.
#ifdef LORASHEAR_AVX512
constexpr int kLowRankRows = 2;
#else
constexpr int kLowRankRows = 1;
#endif

// coefficients[row][k] = <x[row], basis[k]> of kRankUnit ranks from k on.
template <typename T, int Rows>
LORASHEAR_INLINE void into_rank(const LowRank<T>& p, int64_t row, int64_t k) {
  Floats sums[Rows][kRankUnit], value[Rows], basis;
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int j = 0; j < kRankUnit; ++j) sums[r][j] = Floats{};
  }
  const T* x = p.x + row * p.stride;
  const float* from = p.basis + k * p.n;
  each_vector(
      0, p.n, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) load_some(x + r * p.stride + i, left, value[r]);
#pragma GCC unroll 8
        for (int j = 0; j < kRankUnit; ++j) {
          load_some(from + j * p.n + i, left, basis);
#pragma GCC unroll 2
          for (int r = 0; r < Rows; ++r) sums[r][j] += value[r] * basis;
        }
      });
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
    float* to = p.coefficients + (row + r) * p.rank + k;
    for (int j = 0; j < kRankUnit; ++j) to[j] = static_cast<float>(sum(sums[r][j]));
  }
}

template <typename T>
void low_rank_in(const LowRank<T>& p) {
  for (int64_t k = 0; k < p.rank; k += kRankUnit) {
    int64_t row = 0;
    for (; row + kLowRankRows <= p.rows; row += kLowRankRows) into_rank<T, kLowRankRows>(p, row, k);
    for (; row < p.rows; ++row) into_rank<T, 1>(p, row, k);
  }
}

// y[row] += sum over k of coefficients[row][k] basis[k]
template <typename T, int Rows>
LORASHEAR_INLINE void out_of_rank(const LowRank<T>& p, int64_t row) {
  Floats value[Rows], basis, first[Rows][kRankUnit];
  T* y = p.y + row * p.stride;
  const float* factor = p.coefficients + row * p.rank;
  // Those of the first unit stay in registers: what is stored to y may be them, for all GCC knows.
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int j = 0; j < kRankUnit; ++j) first[r][j] = Floats{} + factor[r * p.rank + j];
  }
  each_vector(
      0, p.n, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) load_some(y + r * p.stride + i, left, value[r]);
#pragma GCC unroll 8
        for (int j = 0; j < kRankUnit; ++j) {
          load_some(p.basis + j * p.n + i, left, basis);
#pragma GCC unroll 2
          for (int r = 0; r < Rows; ++r) value[r] += first[r][j] * basis;
        }
        for (int64_t k = kRankUnit; k < p.rank; ++k) {
          load_some(p.basis + k * p.n + i, left, basis);
#pragma GCC unroll 2
          for (int r = 0; r < Rows; ++r) value[r] += (Floats{} + factor[r * p.rank + k]) * basis;
        }
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) store_some(y + r * p.stride + i, left, value[r]);
      });
}

template <typename T>
void low_rank_out(const LowRank<T>& p) {
  int64_t row = 0;
  for (; row + kLowRankRows <= p.rows; row += kLowRankRows) out_of_rank<T, kLowRankRows>(p, row);
  for (; row < p.rows; ++row) out_of_rank<T, 1>(p, row);
}

// gradient[k][i] += sum over rows of coefficients[row][k] x[row][i], of kRankUnit ranks from k on
// and i in [begin, end). Rows are read as they lie, and the next ones fetched meanwhile: read a few
// columns of many rows at a time, they would share few lines of the cache.
template <typename T, int Rows>
LORASHEAR_INLINE void into_gradient(const LowRank<T>& p, int64_t row, int64_t k, int64_t begin,
                                    int64_t end) {
  const T* x = p.x + row * p.stride;
  const float* factor = p.coefficients + row * p.rank + k;
  Floats value[Rows], sum;
  each_vector(
      begin, end, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
          __builtin_prefetch(x + (r + Rows) * p.stride + i, 0, 2);
          load_some(x + r * p.stride + i, left, value[r]);
        }
#pragma GCC unroll 8
        for (int j = 0; j < kRankUnit; ++j) {
          float* to = p.gradient + (k + j) * p.n + i;
          load_some(to, left, sum);
#pragma GCC unroll 4
          for (int r = 0; r < Rows; ++r) sum += (Floats{} + factor[r * p.rank + j]) * value[r];
          store_some(to, left, sum);
        }
      });
}

template <typename T>
void low_rank_gradient(const LowRank<T>& p, int64_t begin, int64_t end) {
  constexpr int kRows = 4;
  for (int64_t k = 0; k < p.rank; k += kRankUnit) {
    int64_t row = 0;
    for (; row + kRows <= p.rows; row += kRows) into_gradient<T, kRows>(p, row, k, begin, end);
    for (; row < p.rows; ++row) into_gradient<T, 1>(p, row, k, begin, end);
  }
}

}  // namespace
}  // namespace lorashear::LORASHEAR_ISA
