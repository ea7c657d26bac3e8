// The loop of loops.h as text: each loops_<set>.cc includes this once, within its target.
#pragma once

#include "kernels/linear_cross_entropy/loops.h"
#include "kernels/rows_body.h"

namespace lorashear::LORASHEAR_ISA {
namespace {

// Elements that are summed in float32 before they go to double.
constexpr int64_t kSummedLogits = 512;

// tanh x = 1 - 2 / (e^2x + 1)
LORASHEAR_INLINE void hyperbolic_tangent(const Floats& x, Floats& result) {
  Floats e;
  exponential(x + x, e);
  result = 1.0f - 2.0f / (e + 1.0f);
}

template <typename T>
LORASHEAR_INLINE float greatest(const T* x, int64_t n) {
  Floats value, most = Floats{} - __builtin_inff();
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    load(x + i, value);
    most = value > most ? value : most;
  }
  float all = -__builtin_inff();
  for (; i < n; ++i) all = std::max(all, static_cast<float>(x[i]));
  for (int64_t lane = 0; lane < kWidth; ++lane) all = std::max(all, most[lane]);
  return all;
}

// e^(logit - most) of some products, and the slope of the logit where it is squeezed.
template <typename T, bool Capped>
LORASHEAR_INLINE void exponentials(const LogitRow<T>& row, int64_t i, float most, Floats& e,
                                   Floats& slope) {
  Floats logit;
  load_some(row.products + i, row.n - i, logit);
  logit *= row.scale;
  if constexpr (Capped) {
    Floats squeezed;
    hyperbolic_tangent(logit / row.softcap, squeezed);
    slope = row.scale - row.scale * squeezed * squeezed;
    logit = squeezed * row.softcap;
  }
  exponential(logit - most, e);
}

template <typename T, bool Capped>
double total_of(const LogitRow<T>& row, float most) {
  Floats e, slope;
  double total = 0;
  for (int64_t start = 0; start < row.n; start += kSummedLogits) {
    const int64_t end = std::min(row.n, start + kSummedLogits);
    Floats part = Floats{};
    for (int64_t i = start; i < end; i += kWidth) {
      exponentials<T, Capped>(row, i, most, e, slope);
      for (int64_t lane = end - i; lane < kWidth; ++lane) e[lane] = 0;
      part += e;
    }
    total += sum(part);
  }
  return total;
}

template <typename T, bool Capped>
float cross_entropy_of(const LogitRow<T>& row, bool gradient) {
  const double cap = static_cast<double>(row.softcap), by = static_cast<double>(row.scale);
  const auto squeeze = [&](double logit) { return __builtin_tanh(logit / cap); };
  // A larger product is a larger logit.
  double most = static_cast<double>(greatest(row.products, row.n)) * by;
  double logit = static_cast<double>(static_cast<float>(row.products[row.label])) * by;
  double slope = by;
  if constexpr (Capped) {
    const double squeezed = squeeze(logit);
    slope *= 1 - squeezed * squeezed;
    logit = squeezed * cap;
    most = squeeze(most) * cap;
  }
  const float shift = static_cast<float>(most);
  const double total = total_of<T, Capped>(row, shift);
  const double loss = static_cast<double>(shift) + __builtin_log(total) - logit;
  if (gradient) {
    Floats e, slopes;
    const float share = static_cast<float>((Capped ? 1.0 : by) / total);
    for (int64_t i = 0; i < row.n; i += kWidth) {
      exponentials<T, Capped>(row, i, shift, e, slopes);
      e *= share;
      if constexpr (Capped) e *= slopes;
      store_some(row.products + i, row.n - i, e);
    }
    // p - 1 without the digits that a p near 1 loses.
    const double short_of_one = __builtin_expm1(-loss);
    row.products[row.label] = static_cast<T>(static_cast<float>(short_of_one * slope));
  }
  return static_cast<float>(loss);
}

template <typename T>
float cross_entropy(const LogitRow<T>& row, bool gradient) {
  return row.softcap != 0 ? cross_entropy_of<T, true>(row, gradient)
                          : cross_entropy_of<T, false>(row, gradient);
}

template <typename T>
RowDeviation deviation_of(const LogitRow<T>& row, const float* p) {
  const float most = greatest(row.products, row.n);
  double total = 0, inner = 0, mass = 0;
  Floats logit, e, weight;
  for (int64_t start = 0; start < row.n; start += kSummedLogits) {
    const int64_t end = std::min(row.n, start + kSummedLogits);
    Floats totals = Floats{}, inners = totals, masses = totals;
    for (int64_t i = start; i < end; i += kWidth) {
      load_some(row.products + i, row.n - i, logit);
      load_some(p + i, row.n - i, weight);
      logit -= most;
      exponential(logit, e);
      for (int64_t lane = end - i; lane < kWidth; ++lane) e[lane] = weight[lane] = 0;
      totals += e;
      inners += weight * logit;
      masses += weight;
    }
    total += sum(totals);
    inner += sum(inners);
    mass += sum(masses);
  }
  const double log_total = __builtin_log(total);
  const double label = static_cast<double>(static_cast<float>(row.products[row.label]) - most);
  return {log_total - label, inner - log_total * mass};
}

template <typename T>
constexpr LossLoopsOf<T> loops_of = {cross_entropy<T>, deviation_of<T>};

}  // namespace

extern const LossLoops losses;
const LossLoops losses = {loops_of<float>, loops_of<c10::BFloat16>, loops_of<c10::Half>};

}  // namespace lorashear::LORASHEAR_ISA
