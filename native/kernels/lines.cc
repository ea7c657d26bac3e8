// u is made on the fly from r rows of the basis, sixteen elements at a time (paper eq. 2: u = s B
// A).
#include "kernels/lines.h"

#include "kernels/lanes.h"

namespace lorashear {
namespace {

// Four sources of u, each with product(e, u): u[row] for the elements e .. e + 15.

template <int Rows>
struct Absent {
  LORASHEAR_INLINE void product(int64_t, F32x16 (&u)[Rows]) const {
    for (int row = 0; row < Rows; ++row) u[row] = F32x16{};
  }
};

template <int Rows>
struct Stored {
  const float* stored;
  int64_t stride;
  LORASHEAR_INLINE void product(int64_t e, F32x16 (&u)[Rows]) const {
    for (int row = 0; row < Rows; ++row) load(stored + row * stride + e, u[row]);
  }
};

// The usual rank: all coefficients stay in registers.
template <int Rows>
struct InRegisters {
  const float* basis;
  F32x16 value[Rows][kRankUnit];
  LORASHEAR_INLINE InRegisters(const float* from, const float* coefficients) : basis(from) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < Rows * kRankUnit; ++i) {
      value[i / kRankUnit][i % kRankUnit] = F32x16{} + coefficients[i];
    }
  }
  LORASHEAR_INLINE void product(int64_t e, F32x16 (&u)[Rows]) const {
#pragma GCC unroll 8
    for (int64_t k = 0; k < kRankUnit; ++k) {
      F32x16 line;
      load(basis + e * kRankUnit + k * kLanes, line);
#pragma GCC unroll 2
      for (int row = 0; row < Rows; ++row) {
        u[row] = k == 0 ? value[row][k] * line : u[row] + value[row][k] * line;
      }
    }
  }
};

template <int Rows>
struct InMemory {
  const float* basis;
  const float* coefficients;
  int64_t rank;
  LORASHEAR_INLINE void product(int64_t e, F32x16 (&u)[Rows]) const {
    for (int row = 0; row < Rows; ++row) u[row] = F32x16{};
    for (int64_t k = 0; k < rank; ++k) {
      F32x16 line;
      load(basis + e * rank + k * kLanes, line);
      for (int row = 0; row < Rows; ++row) u[row] += coefficients[row * rank + k] * line;
    }
  }
};

// The last, incomplete 16 elements are worked on in a copy that is padded with zeros.
template <typename T>
struct Padded {
  alignas(64) unsigned char bytes[kLanes * sizeof(T)] = {};
  LORASHEAR_INLINE T* data() { return reinterpret_cast<T*>(bytes); }
};

template <int Rows, bool Energy>
struct Accumulators {
  F32x16 xx[Rows] = {}, xu[Rows] = {}, uu[Rows] = {};
  LORASHEAR_INLINE void add(int row, const F32x16& value, const F32x16& u) {
    xx[row] += value * value;
    xu[row] += value * u;
    if constexpr (Energy) uu[row] += u * u;
  }
};

template <typename T, int Rows, bool Energy, typename Source>
LORASHEAR_INLINE void measure_rows(const Lines<T>& lines, const Source& source, SliceSums* sums) {
  Accumulators<Rows, Energy> totals;
  F32x16 u[Rows], value;
  U32x16 bits;
  const int64_t length = lines.length;
  float* const kept = lines.u;
  const int64_t stride = lines.stride;
  const T *x[Rows], *next[Rows];
  for (int row = 0; row < Rows; ++row) {
    x[row] = lines.x[row];
    next[row] = lines.next[row];
  }
  int64_t e = 0;
  for (; e + kLanes <= length; e += kLanes) {
    source.product(e, u);
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      // Rows picked at random defeat the hardware's prefetcher at each new row.
      __builtin_prefetch(next[row] + e, 1, 3);
      load(x[row] + e, value);
      totals.add(row, value, u[row]);
      if (kept) store(kept + row * stride + e, u[row], bits);
    }
  }
  if (e < length) {
    source.product(e, u);
    for (int row = 0; row < Rows; ++row) {
      Padded<T> padded;
      std::memcpy(padded.bytes, static_cast<const void*>(x[row] + e), (length - e) * sizeof(T));
      load(padded.data(), value);
      totals.add(row, value, u[row]);
      if (kept) store(kept + row * stride + e, u[row], bits);
    }
  }
  for (int row = 0; row < Rows; ++row) {
    sums[row].xx += sum(totals.xx[row]);
    sums[row].xu += sum(totals.xu[row]);
    if constexpr (Energy) sums[row].uu += sum(totals.uu[row]);
  }
}

template <typename T, int Rows, typename Source>
LORASHEAR_INLINE void apply_rows(const Lines<T>& lines, const Source& source, const float* keep,
                                 uint8_t* nonzero) {
  U32x16 kept[Rows] = {}, bits;
  F32x16 u[Rows], value, factor[Rows];
  const int64_t length = lines.length;
  T* x[Rows];
  for (int row = 0; row < Rows; ++row) {
    x[row] = lines.x[row];
    factor[row] = F32x16{} + keep[row];
  }
  int64_t e = 0;
  for (; e + kLanes <= length; e += kLanes) {
    source.product(e, u);
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      load(x[row] + e, value);
      value = factor[row] * value + u[row];
      store(x[row] + e, value, bits);
      kept[row] |= bits;
    }
  }
  if (e < length) {
    source.product(e, u);
    for (int row = 0; row < Rows; ++row) {
      Padded<T> padded;
      std::memcpy(padded.bytes, static_cast<void*>(x[row] + e), (length - e) * sizeof(T));
      load(padded.data(), value);
      value = factor[row] * value + u[row];
      store(padded.data(), value, bits);
      std::memcpy(static_cast<void*>(x[row] + e), padded.bytes, (length - e) * sizeof(T));
      kept[row] |= bits;
    }
  }
  for (int row = 0; row < Rows; ++row) nonzero[row] |= any(kept[row]) != 0;
}

template <typename T, int Rows, bool Energy>
LORASHEAR_INLINE void measure_by_rank(const Lines<T>& lines, SliceSums* sums) {
  const float* coefficients = lines.coefficients;
  if (lines.rank == 0) return measure_rows<T, Rows, false>(lines, Absent<Rows>{}, sums);
  if (lines.rank == kRankUnit) {
    const InRegisters<Rows> source(lines.basis, coefficients);
    return measure_rows<T, Rows, Energy>(lines, source, sums);
  }
  const InMemory<Rows> source{lines.basis, coefficients, lines.rank};
  measure_rows<T, Rows, Energy>(lines, source, sums);
}

template <typename T, int Rows>
LORASHEAR_INLINE void apply_by_rank(const Lines<T>& lines, const float* keep, uint8_t* nonzero) {
  const float* coefficients = lines.coefficients;
  if (lines.rank == 0) return apply_rows<T, Rows>(lines, Absent<Rows>{}, keep, nonzero);
  if (lines.u) {
    return apply_rows<T, Rows>(lines, Stored<Rows>{lines.u, lines.stride}, keep, nonzero);
  }
  if (lines.rank == kRankUnit) {
    const InRegisters<Rows> source(lines.basis, coefficients);
    return apply_rows<T, Rows>(lines, source, keep, nonzero);
  }
  const InMemory<Rows> source{lines.basis, coefficients, lines.rank};
  apply_rows<T, Rows>(lines, source, keep, nonzero);
}

}  // namespace

// target_clones wants plain functions with external names, so the three storages are written out by
// a macro.
#define LORASHEAR_LINES(T)                                                                        \
  LORASHEAR_CLONES void measure_lines(const Lines<T>& lines, bool energy, SliceSums* sums) {      \
    if (lines.rows == 2) {                                                                        \
      if (energy) return measure_by_rank<T, 2, true>(lines, sums);                                \
      return measure_by_rank<T, 2, false>(lines, sums);                                           \
    }                                                                                             \
    if (energy) return measure_by_rank<T, 1, true>(lines, sums);                                  \
    measure_by_rank<T, 1, false>(lines, sums);                                                    \
  }                                                                                               \
  LORASHEAR_CLONES void apply_lines(const Lines<T>& lines, const float* keep, uint8_t* nonzero) { \
    if (lines.rows == 2) return apply_by_rank<T, 2>(lines, keep, nonzero);                        \
    apply_by_rank<T, 1>(lines, keep, nonzero);                                                    \
  }

LORASHEAR_LINES(float)
LORASHEAR_LINES(c10::BFloat16)
LORASHEAR_LINES(c10::Half)

}  // namespace lorashear
