// The loops of lines.h as text: each lines_<set>.cc defines LORASHEAR_ISA, sets its target and
// includes this once.
#pragma once

#include "kernels/lanes.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

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
    // The basis lies in blocks of kLanes elements.
    const float* block = basis + e / kLanes * kLanes * rank + e % kLanes;
    for (int64_t k = 0; k < rank; ++k) {
      Floats line;
      load(block + k * kLanes, line);
#pragma GCC unroll 2
      for (int row = 0; row < Rows; ++row) u[row] += coefficients[row * rank + k] * line;
    }
  }
};

// The last, incomplete vector is worked on in a copy that is padded with zeros.
template <typename T>
struct Padded {
  alignas(64) unsigned char bytes[kWidth * sizeof(T)] = {};
  LORASHEAR_INLINE T* data() { return reinterpret_cast<T*>(bytes); }
};

// Elements in 64 bytes: one step of the loops, one line of the cache to fetch ahead.
template <typename T>
constexpr int64_t kStep = 64 / sizeof(T);

// What a pass does with kWidth elements of each row: begin, take(row, value, u) -> what is stored,
// end.

template <int Rows, bool Energy>
struct Measuring {
  static constexpr bool writes = false;
  SliceSums* sums;
  Floats xx[Rows], xu[Rows], uu[Rows];
  LORASHEAR_INLINE explicit Measuring(SliceSums* to) : sums(to) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) xx[row] = xu[row] = uu[row] = Floats{};
  }
  LORASHEAR_INLINE void take(int row, Floats& value, const Floats& u) {
    xx[row] += value * value;
    xu[row] += value * u;
    if constexpr (Energy) uu[row] += u * u;
  }
  LORASHEAR_INLINE void note(int, const Words&) {}
  LORASHEAR_INLINE void end(uint32_t) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      sums[row].xx += sum(xx[row]);
      sums[row].xu += sum(xu[row]);
      if constexpr (Energy) sums[row].uu += sum(uu[row]);
    }
  }
};

template <int Rows>
struct Applying {
  static constexpr bool writes = true;
  uint8_t* nonzero;
  Floats factor[Rows];
  Words kept[Rows];
  LORASHEAR_INLINE Applying(const float* keep, uint8_t* to) : nonzero(to) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      factor[row] = Floats{} + keep[row];
      kept[row] = Words{};
    }
  }
  LORASHEAR_INLINE void take(int row, Floats& value, const Floats& u) {
    value = factor[row] * value + u;
  }
  LORASHEAR_INLINE void note(int row, const Words& stored) {
    kept[row] |= stored;
  }
  LORASHEAR_INLINE void end(uint32_t magnitude) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) nonzero[row] |= (any(kept[row]) & magnitude) != 0;
  }
};

template <int Rows>
struct Advancing {
  static constexpr bool writes = true;
  Measuring<Rows, false> measuring;
  Applying<Rows> applying;
  LORASHEAR_INLINE void take(int row, Floats& value, const Floats& u) {
    measuring.take(row, value, u);
    applying.take(row, value, u);
  }
  LORASHEAR_INLINE void note(int row, const Words& stored) { applying.note(row, stored); }
  LORASHEAR_INLINE void end(uint32_t magnitude) {
    measuring.end(magnitude);
    applying.end(magnitude);
  }
};

template <typename T, int Rows, typename Source, typename Pass>
LORASHEAR_INLINE void run(const Lines<T>& lines, const Source& source, Pass pass) {
  Floats u[Rows], value;
  Words stored;
  const int64_t length = lines.length;
  T* x[Rows];
  const T* next[Rows];
#pragma GCC unroll 2
  for (int row = 0; row < Rows; ++row) {
    x[row] = lines.x[row];
    next[row] = lines.next[row];
  }
  const auto part = [&](int64_t e) __attribute__((always_inline)) {
    source.product(e, u);
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      load(x[row] + e, value);
      pass.take(row, value, u[row]);
      if constexpr (Pass::writes) {
        store(x[row] + e, value, stored);
        pass.note(row, stored);
      }
    }
  };
  int64_t e = 0;
  for (; e + kStep<T> <= length; e += kStep<T>) {
    // Rows picked at random defeat the hardware's prefetcher at each new row.
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) __builtin_prefetch(next[row] + e, Pass::writes, 3);
#pragma GCC unroll 2
    for (int64_t lanes = 0; lanes < kStep<T>; lanes += kWidth) part(e + lanes);
  }
  for (; e + kWidth <= length; e += kWidth) part(e);
  if (e < length) {
    const size_t bytes = (length - e) * sizeof(T);
    source.product(e, u);
    for (int row = 0; row < Rows; ++row) {
      Padded<T> padded;
      std::memcpy(padded.bytes, static_cast<const void*>(x[row] + e), bytes);
      load(padded.data(), value);
      pass.take(row, value, u[row]);
      if constexpr (Pass::writes) {
        store(padded.data(), value, stored);
        std::memcpy(static_cast<void*>(x[row] + e), padded.bytes, bytes);
        pass.note(row, stored);
      }
    }
  }
  pass.end(magnitude_bits<T>);
}

template <typename T, int Rows, typename Pass>
LORASHEAR_INLINE void run_by_rank(const Lines<T>& lines, const Pass& pass) {
  if (lines.rank == 0) return run<T, Rows>(lines, Absent<Rows>{}, pass);
#ifdef LORASHEAR_AVX512
  if (lines.rank == kRankUnit) {
    return run<T, Rows>(lines, InRegisters<Rows>(lines.basis, lines.coefficients), pass);
  }
#endif
  run<T, Rows>(lines, InMemory<Rows>{lines.basis, lines.coefficients, lines.rank}, pass);
}

template <typename T, int Rows>
LORASHEAR_INLINE void measure_rows(const Lines<T>& lines, bool energy, SliceSums* sums) {
  if (energy) return run_by_rank<T, Rows>(lines, Measuring<Rows, true>(sums));
  run_by_rank<T, Rows>(lines, Measuring<Rows, false>(sums));
}

template <typename T, int Rows>
LORASHEAR_INLINE void advance_rows(const Lines<T>& lines, float keep, SliceSums* sums,
                                   uint8_t* nonzero) {
  const float keeps[2] = {keep, keep};
  run_by_rank<T, Rows>(
      lines, Advancing<Rows>{Measuring<Rows, false>(sums), Applying<Rows>(keeps, nonzero)});
}

template <typename T>
void measure(const Lines<T>& lines, bool energy, SliceSums* sums) {
  if (lines.rows == 2) return measure_rows<T, 2>(lines, energy, sums);
  measure_rows<T, 1>(lines, energy, sums);
}

template <typename T>
void apply(const Lines<T>& lines, const float* keep, uint8_t* nonzero) {
  if (lines.rows == 2) return run_by_rank<T, 2>(lines, Applying<2>(keep, nonzero));
  run_by_rank<T, 1>(lines, Applying<1>(keep, nonzero));
}

template <typename T>
void advance(const Lines<T>& lines, float keep, SliceSums* sums, uint8_t* nonzero) {
  if (lines.rows == 2) return advance_rows<T, 2>(lines, keep, sums, nonzero);
  advance_rows<T, 1>(lines, keep, sums, nonzero);
}

}  // namespace

extern const LineSet loops;
const LineSet loops = {
    {measure<float>, apply<float>, advance<float>},
    {measure<c10::BFloat16>, apply<c10::BFloat16>, advance<c10::BFloat16>},
    {measure<c10::Half>, apply<c10::Half>, advance<c10::Half>},
};

}  // namespace lorashear::LORASHEAR_ISA
