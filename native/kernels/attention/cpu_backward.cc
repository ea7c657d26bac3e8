// The gradients of attention on CPU, a kv head at a time. Scores are computed again, keys by
// queries, so that their gradients lie as both products that take them want it.
#include <algorithm>

#include "kernels/attention/blocks.h"
#include "kernels/attention/op.h"
#include "kernels/block_product.h"
#include "kernels/rows.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

constexpr int64_t kTransposedUnit = 16;

template <typename T>
struct Memory {
  // Of all keys of a kv head
  T *keys, *values, *transposed;
  float *of_keys, *of_values;
  // Of a block of queries: right-hand blocks of columns and of rows
  T *query_columns, *gradient_columns, *query_rows, *gradient_rows;
  float *log_total, *dot, *of_queries, *turned;
  // Of a block of keys with it
  float *scores, *products;
  T *weights, *gradient, *paired;

  Memory(ThreadMemory::Share& share, const AttentionSizes& sizes)
      : keys(share.take<T>(kGradientKeys * sizes.width)),
        values(share.take<T>(kGradientKeys * sizes.width)),
        transposed(share.take<T>(chunks(sizes) * sizes.width * kTransposedStride)),
        of_keys(share.take<float>(sizes.padded_keys() * sizes.width)),
        of_values(share.take<float>(sizes.padded_keys() * sizes.width)),
        query_columns(share.take<T>(kQueries * sizes.width)),
        gradient_columns(share.take<T>(kQueries * sizes.width)),
        query_rows(share.take<T>(kQueries * sizes.width)),
        gradient_rows(share.take<T>(kQueries * sizes.width)),
        log_total(share.take<float>(kQueries)),
        dot(share.take<float>(kQueries)),
        of_queries(share.take<float>(kQueries * sizes.width)),
        turned(share.take<float>(kQueries * ceil_to(sizes.width, kTransposedUnit))),
        scores(share.take<float>(kTile)),
        products(share.take<float>(kTile)),
        weights(share.take<T>(kTile)),
        gradient(share.take<T>(kTile)),
        paired(share.take<T>(kTile)) {}

  static constexpr int64_t kTile = kGradientKeys * kQueries;
  static int64_t chunks(const AttentionSizes& sizes) {
    return (sizes.keys + kGradientKeys - 1) / kGradientKeys;
  }
  static int64_t bytes(const AttentionSizes& sizes) {
    ThreadMemory::Share counted(nullptr);
    const Memory all(counted, sizes);
    return counted.taken();
  }
};

// One kv head of one text, and the query heads that it serves. Tokens are counted from the text's
// first; `sizes` are the text's, but for the heads.
template <typename T>
class HeadGradients {
 public:
  HeadGradients(const at::Tensor& gradient, const AttentionResult& of, const AttentionSizes& all,
                const AttentionGradients& to, const Text& text, int64_t kv_head, const Memory<T>& m)
      : gradient_(gradient),
        of_(of),
        all_(all),
        sizes_(all),
        to_(to),
        text_(text),
        kv_head_(kv_head),
        m_(m) {
    sizes_.keys -= sizes_.queries - text.count;
    sizes_.queries = text.count;
  }

  void run() {
    const BlockProducts products;
    const int64_t floats = sizes_.padded_keys() * sizes_.width;
    std::fill(m_.of_keys, m_.of_keys + floats, 0.0f);
    std::fill(m_.of_values, m_.of_values + floats, 0.0f);
    for (int64_t from = 0; from < sizes_.keys; from += kGradientKeys) {
      const Panel<T> keys =
          panel(of_.k, kv_head_, from, std::min(kGradientKeys, sizes_.keys - from));
      loops_.transpose(keys, ceil_to(keys.rows, kKeyStep), transposed(from), kTransposedStride);
    }
    for (int64_t i = 0; i < sizes_.shared(); ++i) {
      for (int64_t from = 0; from < sizes_.queries; from += kQueries)
        block(kv_head_ * sizes_.shared() + i, from);
    }
    const Panel<float> of_keys{m_.of_keys, sizes_.width, sizes_.keys, sizes_.width};
    loops_.write_rows(of_keys, nullptr, head(to_.k, kv_head_), to_.k.stride(2));
    const Panel<float> of_values{m_.of_values, sizes_.width, sizes_.keys, sizes_.width};
    loops_.write_rows(of_values, nullptr, head(to_.v, kv_head_), to_.v.stride(2));
  }

 private:
  T* head(const at::Tensor& x, int64_t number) const {
    return x.mutable_data_ptr<T>() + text_.batch * x.stride(0) + number * x.stride(1) +
           text_.begin * x.stride(2);
  }
  Panel<T> panel(const at::Tensor& x, int64_t number, int64_t from, int64_t count) const {
    return head_of<T>(x, text_.batch, number, text_.begin + from, count);
  }
  T* transposed(int64_t from) const {
    return m_.transposed + from / kGradientKeys * sizes_.width * kTransposedStride +
           from % kGradientKeys;
  }

  void block(int64_t head_number, int64_t from) {
    const int64_t width = sizes_.width, count = std::min(kQueries, sizes_.queries - from);
    const Panel<T> q = panel(of_.q, head_number, from, count);
    const Panel<T> given = panel(gradient_, head_number, from, count);
    loops_.pair_columns(q, m_.query_columns);
    loops_.pair_columns(given, m_.gradient_columns);
    loops_.pair_rows(q, kQueries, m_.query_rows);
    loops_.pair_rows(given, kQueries, m_.gradient_rows);
    loops_.row_products(given, panel(of_.out, head_number, from, count), m_.dot);
    std::fill(m_.dot + count, m_.dot + kQueries, 0.0f);
    const float* logs = of_.log_total.const_data_ptr<float>() +
                        (text_.batch * all_.heads + head_number) * all_.queries + text_.begin +
                        from;
    std::fill(std::copy(logs, logs + count, m_.log_total), m_.log_total + kQueries, 0.0f);
    const Sight sight(of_.first, all_, text_, from, count);
    bool add = false;
    for (int64_t key = sight.begin / kKeyStep * kKeyStep; key < sight.end; add = true) {
      const int64_t end = std::min(sight.end, (key / kGradientKeys + 1) * kGradientKeys);
      meet(sight, key, ceil_to(end - key, kKeyStep), add);
      key = end;
    }
    const int64_t stride = ceil_to(width, kTransposedUnit);
    row_loops<float>().attention.transpose({m_.of_queries, kQueries, width, kQueries}, stride,
                                           m_.turned, stride);
    loops_.write_rows({m_.turned, stride, count, width}, nullptr,
                      head(to_.q, head_number) + from * to_.q.stride(2), to_.q.stride(2));
  }

  // Rows from a key on as a left-hand block; those behind the last key are 0.
  Block<T> rows(const at::Tensor& x, int64_t from, int64_t count, T* scratch) const {
    const Panel<T> found = panel(x, kv_head_, from, std::min(count, sizes_.keys - from));
    if (found.rows == count) return {const_cast<T*>(found.data), found.stride};
    copy_rows(found, scratch);
    std::fill(scratch + found.rows * found.columns, scratch + count * found.columns, T(0.0f));
    return {scratch, found.columns};
  }

  // What the keys `from` ... `from` + `count` - 1 add with the block of queries.
  void meet(const Sight& sight, int64_t from, int64_t count, bool add) {
    const int64_t width = sizes_.width;
    block_product(count, kQueries, width, rows(of_.k, from, count, m_.keys),
                  {m_.query_columns, kQueries}, {m_.scores, kQueries}, false);
    block_product(count, kQueries, width, rows(of_.v, from, count, m_.values),
                  {m_.gradient_columns, kQueries}, {m_.products, kQueries}, false);
    T* paired = sizeof(T) == 4 ? m_.gradient : m_.paired;
    loops_.key_gradients({m_.scores, m_.products, m_.weights, m_.gradient, paired, from, count,
                          static_cast<float>(of_.scale), sight.first.data(), sight.last.data(),
                          m_.log_total, m_.dot});
    block_product<T>(count, width, kQueries, {m_.weights, kQueries}, {m_.gradient_rows, width},
                     {m_.of_values + from * width, width}, true);
    block_product<T>(count, width, kQueries, {m_.gradient, kQueries}, {m_.query_rows, width},
                     {m_.of_keys + from * width, width}, true);
    block_product<T>(width, kQueries, count, {transposed(from), kTransposedStride},
                     {paired, kQueries}, {m_.of_queries, kQueries}, add);
  }

  const AttentionLoops<T>& loops_ = row_loops<T>().attention;
  const at::Tensor& gradient_;
  const AttentionResult& of_;
  const AttentionSizes& all_;
  AttentionSizes sizes_;
  const AttentionGradients& to_;
  const Text& text_;
  int64_t kv_head_;
  const Memory<T>& m_;
};

template <typename T>
void backward(const at::Tensor& gradient, const AttentionResult& of, const AttentionGradients& to) {
  const AttentionSizes sizes(of.q, of.k);
  const ThreadMemory memory(Memory<T>::bytes(sizes));
  const std::vector<Text> texts = texts_of(of.first, sizes);
  each(static_cast<int64_t>(texts.size()) * sizes.kv_heads, [&](int64_t i) {
    ThreadMemory::Share own = memory.own();
    const Memory<T> m(own, sizes);
    HeadGradients<T>(gradient, of, sizes, to, texts[i / sizes.kv_heads], i % sizes.kv_heads, m)
        .run();
  });
}

}  // namespace

AttentionGradients attention_backward(const at::Tensor& gradient, const AttentionResult& of) {
  const at::ScalarType type = of.q.scalar_type();
  if (goes_as_float(type)) {
    const at::Tensor q = of.q.to(at::kFloat), k = of.k.to(at::kFloat), v = of.v.to(at::kFloat);
    const at::Tensor out = of.out.to(at::kFloat);
    const AttentionGradients wide = attention_backward(
        gradient.to(at::kFloat), {q, k, v, out, of.log_total, of.first, of.scale});
    return {wide.q.to(type), wide.k.to(type), wide.v.to(type)};
  }
  const AttentionGradients to{empty_heads(of.q), empty_heads(of.k), empty_heads(of.v)};
  const at::Tensor q = with_dense_heads(of.q), k = with_dense_heads(of.k);
  const at::Tensor v = with_dense_heads(of.v), given = with_dense_heads(gradient);
  const std::optional<at::Tensor> first =
      of.first ? std::optional(of.first->contiguous()) : std::nullopt;
  const AttentionResult dense{q, k, v, of.out, of.log_total, first, of.scale};
  const auto run = type == at::kFloat ? backward<float> : backward<c10::BFloat16>;
  run(given, dense, to);
  return to;
}

}  // namespace lorashear
