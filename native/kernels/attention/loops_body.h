// The loops of loops.h as text: rows_body.h includes this.
#pragma once

#include <utility>

#include "kernels/attention/loops.h"
#include "kernels/lanes.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

// The halves of each group of 2 Step lanes change places between two rows.
template <size_t Step, size_t... I>
LORASHEAR_INLINE void exchange(Words& a, Words& b, std::index_sequence<I...> /*lanes*/) {
  const Words low = __builtin_shufflevector(a, b, ((I & Step) ? kWidth + I - Step : I)...);
  b = __builtin_shufflevector(a, b, ((I & Step) ? kWidth + I : I + Step)...);
  a = low;
}

template <size_t Step>
LORASHEAR_INLINE void transpose_square(Words (&rows)[kWidth]) {
#pragma GCC unroll 16
  for (size_t i = 0; i < static_cast<size_t>(kWidth); ++i) {
    if ((i & Step) == 0)
      exchange<Step>(rows[i], rows[i + Step], std::make_index_sequence<kWidth>{});
  }
  if constexpr (Step > 1) transpose_square<Step / 2>(rows);
}

// fn(column, row, lanes) for each vector of the transposed words of a panel: kWidth rows of one
// column of words. Rows and words that the panel lacks are 0.
template <typename T, typename Fn>
LORASHEAR_INLINE void each_transposed(const Panel<T>& p, int64_t padded, const Fn& fn) {
  constexpr int64_t kIn = 4 / static_cast<int64_t>(sizeof(T));  // elements of a word
  Words square[kWidth];
  for (int64_t row = 0; row < padded; row += kWidth) {
    for (int64_t column = 0; column < p.columns; column += kWidth * kIn) {
      const int64_t wide = std::min(kWidth * kIn, p.columns - column);
      if (row + kWidth <= p.rows && wide == kWidth * kIn) {
#pragma GCC unroll 16
        for (int64_t i = 0; i < kWidth; ++i) {
          std::memcpy(&square[i], static_cast<const void*>(p.data + (row + i) * p.stride + column),
                      sizeof(Words));
        }
      } else {
        for (int64_t i = 0; i < kWidth; ++i) {
          square[i] = Words{};
          if (row + i >= p.rows) continue;
          std::memcpy(&square[i], static_cast<const void*>(p.data + (row + i) * p.stride + column),
                      wide * sizeof(T));
        }
      }
      transpose_square<kWidth / 2>(square);
      const int64_t words = (wide + kIn - 1) / kIn;
      for (int64_t i = 0; i < words; ++i) fn(column / kIn + i, row, square[i]);
    }
  }
}

template <typename T>
void pair_columns(const Panel<T>& p, T* to) {
  each_transposed(
      p,
      kKeyPanel, [&](int64_t word, int64_t row, const Words& lanes) __attribute__((always_inline)) {
        constexpr int64_t kIn = 4 / static_cast<int64_t>(sizeof(T));
        std::memcpy(static_cast<void*>(to + (word * kKeyPanel + row) * kIn), &lanes, sizeof lanes);
      });
}

template <typename T>
void transpose(const Panel<T>& p, int64_t padded, T* to, int64_t stride) {
  each_transposed(
      p, padded, [&](int64_t word, int64_t row, const Words& lanes) __attribute__((always_inline)) {
        if constexpr (sizeof(T) == 4) {
          std::memcpy(to + word * stride + row, &lanes, sizeof lanes);
        } else {
          Halves half;
          narrow(lanes & 0xffffu, half);
          std::memcpy(static_cast<void*>(to + 2 * word * stride + row), &half, sizeof half);
          narrow(lanes >> 16, half);
          std::memcpy(static_cast<void*>(to + (2 * word + 1) * stride + row), &half, sizeof half);
        }
      });
}

// Elements of two rows, one above the other, as words; up to kWidth of them.
template <typename T>
LORASHEAR_INLINE void pair_up(const T* above, const T* below, int64_t count, T* to) {
  Halves first = {}, second = {};
  Words low, high;
  const auto pair = [&](size_t bytes) __attribute__((always_inline)) {
    std::memcpy(&first, static_cast<const void*>(above), bytes);
    if (below) std::memcpy(&second, static_cast<const void*>(below), bytes);
    widen(first, low);
    widen(second, high);
    const Words pairs = low | high << 16;
    std::memcpy(static_cast<void*>(to), &pairs, 2 * bytes);
  };
  count >= kWidth ? pair(sizeof(Halves)) : pair(count * sizeof(T));
}

template <typename T>
void pair_rows(const Panel<T>& p, int64_t padded, T* to) {
  for (int64_t row = 0; row < p.rows; row += 4 / static_cast<int64_t>(sizeof(T))) {
    const T* above = p.data + row * p.stride;
    if constexpr (sizeof(T) == 4) {
      std::memcpy(to + row * p.columns, above, p.columns * sizeof(T));
    } else {
      const T* below = row + 1 < p.rows ? above + p.stride : nullptr;
      for (int64_t i = 0; i < p.columns; i += kWidth)
        pair_up(above + i, below ? below + i : nullptr, p.columns - i,
                to + row * p.columns + 2 * i);
    }
  }
  const int64_t written = sizeof(T) == 4 ? p.rows : (p.rows + 1) / 2 * 2;
  if (written < padded) {
    std::memset(static_cast<void*>(to + written * p.columns), 0,
                (padded - written) * p.columns * sizeof(T));
  }
}

template <typename T>
void write_rows(const Panel<float>& p, const float* factor, T* to, int64_t stride) {
  Floats value;
  for (int64_t row = 0; row < p.rows; ++row) {
    const float by = factor ? factor[row] : 1.0f;
    each_vector(
        0, p.columns, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
          load_some(p.data + row * p.stride + i, left, value);
          store_some(to + row * stride + i, left, value * by);
        });
  }
}

template <typename T>
void row_products(const Panel<T>& a, const Panel<T>& b, float* result) {
  Floats x, y;
  for (int64_t row = 0; row < a.rows; ++row) {
    Floats total = Floats{};
    each_vector(
        0, a.columns, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
          load_some(a.data + row * a.stride + i, left, x);
          load_some(b.data + row * b.stride + i, left, y);
          total += x * y;
        });
    result[row] = static_cast<float>(sum(total));
  }
}

LORASHEAR_INLINE void lane_numbers(Ints& result) {
  for (int32_t lane = 0; lane < kWidth; ++lane) result[lane] = lane;
}

// fn(i, seen) for the vectors of keys that hold begin ... end - 1; `seen` are those lanes.
template <typename Fn>
LORASHEAR_INLINE void each_seen(int64_t begin, int64_t end, const Fn& fn) {
  Ints lanes, seen;
  lane_numbers(lanes);
  for (int64_t i = begin / kWidth * kWidth; i < end; i += kWidth) {
    const Ints key = lanes + static_cast<int32_t>(i);
    seen = key >= static_cast<int32_t>(begin) & key < static_cast<int32_t>(end);
    fn(i, seen);
  }
}

// e^(scale score - most) of the keys begin ... end - 1 of one query; the others of its vectors are
// 0. Gives the sum.
template <typename T>
LORASHEAR_INLINE double weigh(const float* scores, int64_t begin, int64_t end, float scale,
                              float most, T* weights) {
  Floats value, e, total = Floats{};
  Words stored;
  each_seen(
      begin, end, [&](int64_t i, const Ints& seen) __attribute__((always_inline)) {
        load(scores + i, value);
        exponential(value * scale - most, e);
        e = seen ? e : Floats{};
        total += e;
        store(weights + i, e, stored);
      });
  return sum(total);
}

LORASHEAR_INLINE float most_of(const float* scores, int64_t begin, int64_t end, float scale) {
  const Floats least = Floats{} - __builtin_inff();
  Floats value, greatest = least;
  each_seen(
      begin, end, [&](int64_t i, const Ints& seen) __attribute__((always_inline)) {
        load(scores + i, value);
        value = seen ? value * scale : least;
        greatest = value > greatest ? value : greatest;
      });
  return greatest_lane(greatest);
}

template <typename T>
void softmax(const ScoredKeys<T>& p) {
  for (int64_t row = 0; row < p.queries; ++row) {
    const float* scores = p.scores + row * kScoreStride;
    T* weights = p.weights + row * kScoreStride;
    const int64_t begin = std::max<int64_t>(0, p.first[row] - p.from);
    const int64_t end = std::min<int64_t>(p.count, p.last[row] + 1 - p.from);
    int64_t written = 0;
    p.shrunk[row] = 1;
    if (begin < end) {
      const float before = p.most[row];
      const float most = std::max(before, most_of(scores, begin, end, p.scale));
      const float shrunk = __builtin_expf(before - most);
      const double total = weigh(scores, begin, end, p.scale, most, weights);
      p.shrunk[row] = shrunk;
      p.most[row] = most;
      p.total[row] = static_cast<float>(static_cast<double>(p.total[row] * shrunk) + total);
      written = begin / kWidth * kWidth;
      std::memset(static_cast<void*>(weights), 0, written * sizeof(T));
      written = (end + kWidth - 1) / kWidth * kWidth;
    }
    if (written < p.padded)
      std::memset(static_cast<void*>(weights + written), 0, (p.padded - written) * sizeof(T));
  }
}

// Of one key and kWidth queries: their weight and the gradient of their score.
template <typename T, bool Hidden>
LORASHEAR_INLINE void gradient_at(const KeyGradients<T>& p, int64_t key, int64_t query,
                                  Words& stored) {
  Floats score, product, other, weight, gradient;
  load(p.scores + key * kQueries + query, score);
  load(p.products + key * kQueries + query, product);
  load(p.log_total + query, other);
  exponential(score * p.scale - other, weight);
  load(p.dot + query, other);
  gradient = weight * (product - other) * p.scale;
  if constexpr (Hidden) {
    Ints first, last;
    std::memcpy(&first, p.first + query, sizeof first);
    std::memcpy(&last, p.last + query, sizeof last);
    const Ints at = Ints{} + static_cast<int32_t>(p.from + key);
    const Ints seen = first <= at & at <= last;
    weight = seen ? weight : Floats{};
    gradient = seen ? gradient : Floats{};
  }
  store(p.weights + key * kQueries + query, weight, stored);
  store(p.gradient + key * kQueries + query, gradient, stored);
}

template <typename T, bool Hidden>
void key_gradients_of(const KeyGradients<T>& p) {
  Words stored;
  for (int64_t key = 0; key < p.count; key += 2) {
    for (int64_t i = 0; i < kQueries; i += kWidth) {
      gradient_at<T, Hidden>(p, key, i, stored);
      gradient_at<T, Hidden>(p, key + 1, i, stored);
      const T* above = p.gradient + key * kQueries + i;
      if constexpr (sizeof(T) == 2)
        pair_up(above, above + kQueries, kWidth, p.paired + key * kQueries + 2 * i);
    }
  }
}

template <typename T>
void key_gradients(const KeyGradients<T>& p) {
  const int64_t end = p.from + p.count - 1;
  const bool hidden = *std::max_element(p.first, p.first + kQueries) > p.from ||
                      *std::min_element(p.last, p.last + kQueries) < end;
  hidden ? key_gradients_of<T, true>(p) : key_gradients_of<T, false>(p);
}

}  // namespace
}  // namespace lorashear::LORASHEAR_ISA
