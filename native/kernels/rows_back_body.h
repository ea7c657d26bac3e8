// The gradients of the loops over rows, as text: rows_body.h includes this.
#pragma once

namespace lorashear::LORASHEAR_ISA {
namespace {

template <typename T>
void add(const T* a, const T* b, int64_t n, T* y) {
  Floats left, right;
  each_vector(
      0, n, [&](int64_t i, int64_t rest) __attribute__((always_inline)) {
        load_some(a + i, rest, left);
        load_some(b + i, rest, right);
        store_some(y + i, rest, left + right);
      });
}

template <typename T>
void rms_norm_back(const NormGradient<T>& p) {
  Floats g, value, w, more;
  double inner = 0;  // <w g, x>, summed as the norm sums its squares
  for (int64_t start = 0; start < p.n; start += kSummed) {
    Floats part = Floats{};
    const int64_t end = start + kSummed < p.n ? start + kSummed : p.n;
    each_vector(
        start, end, [&](int64_t i, int64_t rest) __attribute__((always_inline)) {
          load_some(p.gradient + i, rest, g);
          load_some(p.weight + i, rest, w);
          load_some(p.x + i, rest, value);
          part += g * w * value;
        });
    inner += sum(part);
  }
  const float by = p.by;
  const float pull = static_cast<float>(inner / static_cast<double>(p.n)) * by * by * by;
  each_vector(
      0, p.n, [&](int64_t i, int64_t rest) __attribute__((always_inline)) {
        load_some(p.gradient + i, rest, g);
        load_some(p.weight + i, rest, w);
        load_some(p.x + i, rest, value);
        Floats y = g * w * by - value * pull;
        if (p.beside) {
          load_some(p.beside + i, rest, more);
          y += more;
        }
        store_some(p.y + i, rest, y);
      });
}

template <typename T>
void gated_silu_back(const T* gradient, const T* gate, const T* up, int64_t n, T* of_gate,
                     T* of_up) {
  Floats d, g, u, e;
  each_vector(
      0, n, [&](int64_t i, int64_t rest) __attribute__((always_inline)) {
        load_some(gradient + i, rest, d);
        load_some(gate + i, rest, g);
        load_some(up + i, rest, u);
        exponential(-g, e);
        const Floats open = 1.0f / (e + 1.0f);
        // silu' = open + g open (1 - open), and 1 - open = e open, which no large e overflows
        store_some(of_gate + i, rest, d * u * open * (1.0f + g * (e * open)));
        store_some(of_up + i, rest, d * g * open);
      });
}

}  // namespace
}  // namespace lorashear::LORASHEAR_ISA
