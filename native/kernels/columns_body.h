// Where u comes from, for slices as for columns, and the loop of lines.h over columns: text like
// lines_body.h, which includes it.
#pragma once

#include "kernels/lanes.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

// Where the basis for the kWidth elements from e on begins: it lies in blocks of kLanes elements.
LORASHEAR_INLINE int64_t block_at(int64_t e, int64_t rank) {
  if constexpr (kWidth == kLanes) return e * rank;
  return e / kLanes * kLanes * rank + e % kLanes;
}

// Three sources of u, each with product(e, u): u[row] for the kWidth elements from e on.

template <int Rows>
struct Absent {
  LORASHEAR_INLINE void product(int64_t, Floats (&u)[Rows]) const {
    for (int row = 0; row < Rows; ++row) u[row] = Floats{};
  }
};

#ifdef LORASHEAR_AVX512
// The usual rank: all coefficients stay in registers, of which AVX-512 has enough.
template <int Rows>
struct InRegisters {
  const float* basis;
  Floats value[Rows][kRankUnit];
  LORASHEAR_INLINE InRegisters(const float* from, const float* coefficients) : basis(from) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < Rows * kRankUnit; ++i) {
      value[i / kRankUnit][i % kRankUnit] = Floats{} + coefficients[i];
    }
  }
  LORASHEAR_INLINE void product(int64_t e, Floats (&u)[Rows]) const {
#pragma GCC unroll 8
    for (int64_t k = 0; k < kRankUnit; ++k) {
      Floats line;
      load(basis + e * kRankUnit + k * kLanes, line);
      asm("" : "+v"(line));  // or GCC loads it again for each row
#pragma GCC unroll 2
      for (int row = 0; row < Rows; ++row) {
        u[row] = k == 0 ? value[row][k] * line : u[row] + value[row][k] * line;
      }
    }
  }
};
#endif

template <int Rows>
struct InMemory {
  const float* basis;
  const float* coefficients;
  int64_t rank;
  LORASHEAR_INLINE void product(int64_t e, Floats (&u)[Rows]) const {
    for (int row = 0; row < Rows; ++row) u[row] = Floats{};
    const float* block = basis + block_at(e, rank);
    for (int64_t k = 0; k < rank; ++k) {
      Floats line;
      load(block + k * kLanes, line);
#pragma GCC unroll 4
      for (int row = 0; row < Rows; ++row) u[row] += coefficients[row * rank + k] * line;
    }
  }
};

template <int Rows, typename Fn>
LORASHEAR_INLINE void with_source(const float* basis, const float* coefficients, int64_t rank,
                                  Fn fn) {
  if (rank == 0) return fn(Absent<Rows>{});
#ifdef LORASHEAR_AVX512
  if (rank == kRankUnit) return fn(InRegisters<Rows>(basis, coefficients));
#endif
  fn(InMemory<Rows>{basis, coefficients, rank});
}

// Rows that share what is known of a column: with AVX-512 the coefficients of two fill the
// registers.
#ifdef LORASHEAR_AVX512
constexpr int kRowsOfColumns = 2;
#else
constexpr int kRowsOfColumns = 4;
#endif

// Columns side by side are walked row by row: every line of memory comes once, and is worked on for
// all columns in it. What is known of a column lies in lane arrays, which stay in L1.
template <typename T, int Rows, bool Sums, bool Steps, typename Source>
LORASHEAR_INLINE void walk_rows(const Columns<T>& columns, int64_t row, const Source& source) {
  T* x[Rows];
  const T* next[Rows];
#pragma GCC unroll 4
  for (int i = 0; i < Rows; ++i) {
    x[i] = columns.x + (row + i) * columns.stride;
    next[i] = columns.x + std::min(row + i + columns.ahead, columns.rows - 1) * columns.stride;
  }
  for (int64_t block = 0; block < columns.blocks; ++block) {
    const int64_t at = columns.offset[block];
    const uint32_t chosen = columns.chosen[block];
    T* from[Rows];
    alignas(64) T edge[Rows][kLanes];
    const bool at_edge = at + kLanes > columns.width;
    const size_t inside = sizeof(T) * std::min(kLanes, columns.width - at);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      __builtin_prefetch(next[i] + at, Steps, 2);
      from[i] = x[i] + at;
      if (!at_edge) continue;
      std::memset(static_cast<void*>(edge[i]), 0, sizeof edge[i]);
      std::memcpy(static_cast<void*>(edge[i]), static_cast<const void*>(from[i]), inside);
      from[i] = edge[i];
    }
#pragma GCC unroll 4
    for (int64_t lane = 0; lane < kLanes; lane += kWidth) {
      const int64_t e = block * kLanes + lane;
      Floats u[Rows], value, xx, xu, keep;
      Words stored, nonzero;
      source.product(e, u);
      if constexpr (Sums) load(columns.xx + e, xx);
      if constexpr (Sums) load(columns.xu + e, xu);
      if constexpr (Steps) load(columns.keep + e, keep);
      if constexpr (Steps) std::memcpy(&nonzero, columns.nonzero + e, sizeof nonzero);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; ++i) {
        load(from[i] + lane, value);
        if constexpr (Sums) xx += value * value;
        if constexpr (Sums) xu += value * u[i];
        if constexpr (!Steps) continue;
        value = keep * value + u[i];
        store_chosen(from[i] + lane, value, chosen >> lane, stored);
        nonzero |= stored & magnitude_bits<T>;
      }
      if constexpr (Sums) std::memcpy(columns.xx + e, &xx, sizeof xx);
      if constexpr (Sums) std::memcpy(columns.xu + e, &xu, sizeof xu);
      if constexpr (Steps) std::memcpy(columns.nonzero + e, &nonzero, sizeof nonzero);
    }
    for (int i = 0; Steps && at_edge && i < Rows; ++i) {
      for (int64_t lane = 0; lane < columns.width - at; ++lane) {
        if (chosen >> lane & 1) x[i][at + lane] = edge[i][lane];
      }
    }
  }
}

template <typename T, int Rows, bool Sums, bool Steps>
LORASHEAR_INLINE void walk_by_rank(const Columns<T>& columns, int64_t row) {
  const float* coefficients = columns.coefficients + row * columns.rank;
  with_source<Rows>(
      columns.basis, coefficients,
      columns.rank, [&](const auto& source) __attribute__((always_inline)) {
        walk_rows<T, Rows, Sums, Steps>(columns, row, source);
      });
}

template <typename T, bool Sums, bool Steps>
LORASHEAR_INLINE void walk_all(const Columns<T>& columns) {
  int64_t row = columns.first;
  for (; row + kRowsOfColumns <= columns.last; row += kRowsOfColumns)
    walk_by_rank<T, kRowsOfColumns, Sums, Steps>(columns, row);
  for (; row < columns.last; ++row) walk_by_rank<T, 1, Sums, Steps>(columns, row);
}

template <typename T>
void walk(const Columns<T>& columns) {
  if (columns.keep == nullptr) return walk_all<T, true, false>(columns);
  if (columns.xx == nullptr) return walk_all<T, false, true>(columns);
  walk_all<T, true, true>(columns);
}

}  // namespace
}  // namespace lorashear::LORASHEAR_ISA
