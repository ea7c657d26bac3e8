// The loops of lines.h as text: each loops_<set>.cc defines LORASHEAR_ISA, sets its target and
// includes this once.
#pragma once

#include "kernels/columns_body.h"
#include "kernels/lanes.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

// The last, incomplete vector is worked on in a copy that is padded with zeros.
template <typename T>
struct Padded {
  alignas(64) unsigned char bytes[kWidth * sizeof(T)] = {};
  LORASHEAR_INLINE T* data() { return reinterpret_cast<T*>(bytes); }
};

// Elements in 64 bytes: one step of the loops, one line of the cache to fetch ahead.
template <typename T>
constexpr int64_t kStep = 64 / sizeof(T);

// What a pass does with kWidth elements of a row, and at its end: sums of what x was, x = keep x +
// u, or both.
template <int Rows, bool Sums, bool Steps>
struct Pass {
  static constexpr bool writes = Steps;
  SliceSums* sums;
  uint8_t* nonzero;
  Floats factor[Rows], xx[Rows], xu[Rows];
  Words kept[Rows];
  LORASHEAR_INLINE Pass(const float* keep, SliceSums* add, uint8_t* to) : sums(add), nonzero(to) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      if constexpr (Steps) factor[row] = Floats{} + keep[row];
      xx[row] = xu[row] = Floats{};
      kept[row] = Words{};
    }
  }
  LORASHEAR_INLINE void take(int row, Floats& value, const Floats& u) {
    if constexpr (Sums) xx[row] += value * value;
    if constexpr (Sums) xu[row] += value * u;
    if constexpr (Steps) value = factor[row] * value + u;
  }
  LORASHEAR_INLINE void note(int row, const Words& stored) {
    kept[row] |= stored;
  }
  LORASHEAR_INLINE void end(uint32_t magnitude) {
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      if constexpr (Sums) sums[row].xx += sum(xx[row]);
      if constexpr (Sums) sums[row].xu += sum(xu[row]);
      if constexpr (Steps) nonzero[row] |= (any(kept[row]) & magnitude) != 0;
    }
  }
};

template <typename T, int Rows, typename Source, typename Doing>
LORASHEAR_INLINE void run(const Lines<T>& lines, const Source& source, Doing pass) {
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
      if constexpr (Doing::writes) {
        store(x[row] + e, value, stored);
        pass.note(row, stored);
      }
    }
  };
  int64_t e = 0;
  for (; e + kStep<T> <= length; e += kStep<T>) {
    // Rows picked at random defeat the hardware's prefetcher at each new row. What is only read
    // goes to L2: L1 belongs to the basis.
#pragma GCC unroll 2
    for (int row = 0; row < Rows; ++row) {
      __builtin_prefetch(next[row] + e, Doing::writes, Doing::writes ? 3 : 2);
    }
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
      if constexpr (Doing::writes) {
        store(padded.data(), value, stored);
        std::memcpy(static_cast<void*>(x[row] + e), padded.bytes, bytes);
        pass.note(row, stored);
      }
    }
  }
  pass.end(magnitude_bits<T>);
}

template <typename T, int Rows, typename Doing>
LORASHEAR_INLINE void run_by_rank(const Lines<T>& lines, const Doing& pass) {
  with_source<Rows>(
      lines.basis, lines.coefficients,
      lines.rank, [&](const auto& source) __attribute__((always_inline)) {
        run<T, Rows>(lines, source, pass);
      });
}

#ifdef LORASHEAR_AVX512
// The sums alone at the usual rank: <x, u> = coefficients . (basis x), which makes no u. Three
// slices share a line of the basis, and no sum waits for another: 3.6 ns for 16 elements of each
// slice where u takes 4.0 (bf16, one core, from memory).
template <typename T, int Rows>
LORASHEAR_INLINE void correlate(const Lines<T>& lines, SliceSums* sums) {
  Floats along[Rows][kRankUnit], xx[Rows], value[Rows], line;
#pragma GCC unroll 3
  for (int row = 0; row < Rows; ++row) {
    xx[row] = Floats{};
#pragma GCC unroll 8
    for (int64_t k = 0; k < kRankUnit; ++k) along[row][k] = Floats{};
  }
  const auto part = [&](int64_t e, const T* const(&x)[Rows]) __attribute__((always_inline)) {
#pragma GCC unroll 3
    for (int row = 0; row < Rows; ++row) {
      load(x[row], value[row]);
      xx[row] += value[row] * value[row];
    }
#pragma GCC unroll 8
    for (int64_t k = 0; k < kRankUnit; ++k) {
      load(lines.basis + e * kRankUnit + k * kLanes, line);
      asm("" : "+v"(line));  // or GCC loads it again for each row
#pragma GCC unroll 3
      for (int row = 0; row < Rows; ++row) along[row][k] += value[row] * line;
    }
  };
  const int64_t length = lines.length;
  const T* x[Rows];
  int64_t e = 0;
  for (; e + kStep<T> <= length; e += kStep<T>) {
#pragma GCC unroll 3
    for (int row = 0; row < Rows; ++row) __builtin_prefetch(lines.next[row] + e, 0, 2);
#pragma GCC unroll 2
    for (int64_t lanes = 0; lanes < kStep<T>; lanes += kWidth) {
#pragma GCC unroll 3
      for (int row = 0; row < Rows; ++row) x[row] = lines.x[row] + e + lanes;
      part(e + lanes, x);
    }
  }
  for (; e < length; e += kWidth) {
    Padded<T> padded[Rows];
    const size_t bytes = std::min(kWidth, length - e) * sizeof(T);
    for (int row = 0; row < Rows; ++row) {
      std::memcpy(padded[row].bytes, static_cast<const void*>(lines.x[row] + e), bytes);
      x[row] = padded[row].data();
    }
    part(e, x);
  }
#pragma GCC unroll 3
  for (int row = 0; row < Rows; ++row) {
    Floats xu{};
#pragma GCC unroll 8
    for (int64_t k = 0; k < kRankUnit; ++k) {
      xu += lines.coefficients[row * kRankUnit + k] * along[row][k];
    }
    sums[row].xx += sum(xx[row]);
    sums[row].xu += sum(xu);
  }
}
#endif

int64_t rows_at_once([[maybe_unused]] int64_t rank, [[maybe_unused]] bool writes) {
#ifdef LORASHEAR_AVX512
  if (rank == kRankUnit && !writes) return 3;
#endif
  return 2;
}

template <typename T, bool Sums, bool Steps>
LORASHEAR_INLINE void pass_as(const Lines<T>& lines, const float* keep, SliceSums* sums,
                              uint8_t* nonzero) {
  if (lines.rows == 2) return run_by_rank<T, 2>(lines, Pass<2, Sums, Steps>(keep, sums, nonzero));
  run_by_rank<T, 1>(lines, Pass<1, Sums, Steps>(keep, sums, nonzero));
}

template <typename T>
void pass(const Lines<T>& lines, const float* keep, SliceSums* sums, uint8_t* nonzero) {
#ifdef LORASHEAR_AVX512
  if (keep == nullptr && lines.rank == kRankUnit) {
    if (lines.rows == 3) return correlate<T, 3>(lines, sums);
    if (lines.rows == 2) return correlate<T, 2>(lines, sums);
    return correlate<T, 1>(lines, sums);
  }
#endif
  if (keep == nullptr) return pass_as<T, true, false>(lines, keep, sums, nonzero);
  if (sums == nullptr) return pass_as<T, false, true>(lines, keep, sums, nonzero);
  pass_as<T, true, true>(lines, keep, sums, nonzero);
}

template <typename T>
constexpr LineLoops<T> loops_for = {pass<T>, rows_at_once, walk<T>};

}  // namespace

extern const LineSet loops;
const LineSet loops = {loops_for<float>, loops_for<c10::BFloat16>, loops_for<c10::Half>};

}  // namespace lorashear::LORASHEAR_ISA
