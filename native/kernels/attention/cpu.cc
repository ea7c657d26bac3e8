// Attention on CPU: blocks of queries meet blocks of keys; no row of scores is ever whole in
// memory.
#include <algorithm>
#include <cmath>

#include "kernels/attention/blocks.h"
#include "kernels/attention/op.h"
#include "kernels/block_product.h"
#include "kernels/rows.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

// Keys and values of all heads as right-hand blocks: of each panel of keys [width][kKeyPanel], of
// each value its row.
template <typename T>
class PairedHeads {
 public:
  PairedHeads(const at::Tensor& k, const at::Tensor& v, const AttentionSizes& sizes)
      : width_(sizes.width),
        size_(sizes.padded_keys() * sizes.width),
        memory_(at::empty({2, sizes.batch * sizes.kv_heads * size_}, k.options())),
        keys_(memory_.mutable_data_ptr<T>()),
        values_(keys_ + memory_.size(1)) {
    const int64_t panels = sizes.padded_keys() / kKeyPanel;
    each(sizes.batch * sizes.kv_heads * panels, [&](int64_t i) {
      const int64_t from = i % panels * kKeyPanel, head = i / panels;
      const int64_t count = std::min(kKeyPanel, sizes.keys - from);
      const auto panel = [&](const at::Tensor& x) {
        return head_of<T>(x, head / sizes.kv_heads, head % sizes.kv_heads, from, count);
      };
      const int64_t place = head * size_ + from * width_;
      const AttentionLoops<T>& loops = row_loops<T>().attention;
      loops.pair_columns(panel(k), keys_ + place);
      loops.pair_rows(panel(v), kKeyPanel, values_ + place);
    });
  }

  Block<T> keys(int64_t head, int64_t from) const {
    return {keys_ + head * size_ + from * width_, kKeyPanel};
  }
  Block<T> values(int64_t head, int64_t from) const {
    return {values_ + head * size_ + from * width_, width_};
  }

 private:
  int64_t width_, size_;
  at::Tensor memory_;
  T *keys_, *values_;
};

template <typename T>
struct Memory {
  T *queries, *weights;
  float *scores, *sums, *most, *total, *shrunk;

  Memory(ThreadMemory::Share& share, int64_t width)
      : queries(share.take<T>(kQueries * width)),
        weights(share.take<T>(kQueries * kScoreStride)),
        scores(share.take<float>(kQueries * kScoreStride)),
        sums(share.take<float>(kQueries * width)),
        most(share.take<float>(kQueries)),
        total(share.take<float>(kQueries)),
        shrunk(share.take<float>(kQueries)) {}
  static int64_t bytes(int64_t width) {
    ThreadMemory::Share counted(nullptr);
    const Memory all(counted, width);
    return counted.taken();
  }
};

// Rows of left-hand blocks come in these steps, so that few kernels are compiled.
constexpr int64_t kRowStep = 16;

// The queries as a left-hand block of a multiple of kRowStep rows.
template <typename T>
Block<T> rows_of(const Panel<T>& queries, T* to) {
  if (queries.rows % kRowStep == 0) return {const_cast<T*>(queries.data), queries.stride};
  copy_rows(queries, to);
  return {to, queries.columns};
}

template <typename T>
void attend(const Panel<T>& queries, const Sight& sight, int64_t head, const PairedHeads<T>& heads,
            float scale, const Memory<T>& m) {
  const AttentionLoops<T>& loops = row_loops<T>().attention;
  const int64_t width = queries.columns, rows = ceil_to(queries.rows, kRowStep);
  const Block<T> q = rows_of(queries, m.queries);
  const Block<float> sums{m.sums, width};
  std::fill(m.most, m.most + kQueries, -std::numeric_limits<float>::infinity());
  std::fill(m.total, m.total + kQueries, 0.0f);
  const int64_t begin = sight.begin / kKeyPanel * kKeyPanel;
  for (int64_t from = begin; from < sight.end; from += kKeys) {
    const int64_t count = std::min(kKeys, sight.end - from);
    for (int64_t panel = 0; panel < count; panel += kKeyPanel) {
      const Block<float> scores{m.scores + panel, kScoreStride};
      block_product(rows, kKeyPanel, width, q, heads.keys(head, from + panel), scores, false);
    }
    const int64_t padded = ceil_to(count, kKeyStep);
    loops.softmax({m.scores, m.weights, queries.rows, from, count, padded, scale,
                   sight.first.data(), sight.last.data(), m.most, m.total, m.shrunk});
    if (from > begin) {
      const Panel<float> earlier{m.sums, width, queries.rows, width};
      row_loops<float>().attention.write_rows(earlier, m.shrunk, m.sums, width);
    }
    block_product(rows, width, padded, {m.weights, kScoreStride}, heads.values(head, from), sums,
                  from > begin);
  }
}

template <typename T>
void forward(const at::Tensor& q, const PairedHeads<T>& heads, const AttentionSizes& sizes,
             const std::optional<at::Tensor>& first, float scale, const at::Tensor& out,
             float* log_total) {
  const ThreadMemory memory(Memory<T>::bytes(sizes.width));
  // Blocks begin with texts, so that few of them see two.
  std::vector<Text> blocks;
  for (const Text& text : texts_of(first, sizes)) {
    for (int64_t from = 0; from < text.count; from += kQueries)
      blocks.push_back({text.batch, text.begin + from, std::min(kQueries, text.count - from)});
  }
  T* to = out.mutable_data_ptr<T>();
  each(static_cast<int64_t>(blocks.size()) * sizes.heads, [&](int64_t i) {
    const auto [batch, from, count] = blocks[i / sizes.heads];
    const int64_t head = i % sizes.heads;
    ThreadMemory::Share own = memory.own();
    const Memory<T> m(own, sizes.width);
    const Sight sight(first, sizes, {batch, 0, sizes.queries}, from, count);
    const BlockProducts products;
    attend(head_of<T>(q, batch, head, from, count), sight,
           batch * sizes.kv_heads + head / sizes.shared(), heads, scale, m);
    float* logs = log_total + (batch * sizes.heads + head) * sizes.queries + from;
    for (int64_t row = 0; row < count; ++row) {
      logs[row] = m.most[row] + std::log(m.total[row]);
      m.total[row] = 1.0f / m.total[row];
    }
    row_loops<T>().attention.write_rows(
        {m.sums, sizes.width, count, sizes.width}, m.total,
        to + batch * out.stride(0) + head * out.stride(1) + from * out.stride(2), out.stride(2));
  });
}

}  // namespace

bool goes_as_float(at::ScalarType type) {
  return (type == at::kBFloat16 || type == at::kHalf) && !has_block_products(type) &&
         has_block_products(at::kFloat);
}

bool suits_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::ScalarType type = q.scalar_type();
  return q.device().is_cpu() && k.scalar_type() == type && v.scalar_type() == type &&
         q.size(2) > 0 && q.size(3) > 0 && q.size(3) % 2 == 0 && q.size(3) <= 512 &&
         k.size(2) <= std::numeric_limits<int32_t>::max() &&
         (has_block_products(type) || goes_as_float(type));
}

std::pair<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v,
                                                    const std::optional<at::Tensor>& first,
                                                    double scale) {
  if (goes_as_float(q.scalar_type())) {
    const auto [out, log_total] =
        attention_forward(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), first, scale);
    return {out.to(q.scalar_type()), log_total};
  }
  const AttentionSizes sizes(q, k);
  const at::Tensor queries = with_dense_heads(q), keys = with_dense_heads(k);
  const at::Tensor values = with_dense_heads(v);
  const std::optional<at::Tensor> from = first ? std::optional(first->contiguous()) : std::nullopt;
  at::Tensor out = empty_heads(q);
  at::Tensor log_total =
      at::empty({sizes.batch, sizes.heads, sizes.queries}, q.options().dtype(at::kFloat));
  const auto run = [&]<typename T>(T /*type*/) {
    const PairedHeads<T> heads(keys, values, sizes);
    forward<T>(queries, heads, sizes, from, static_cast<float>(scale), out,
               log_total.mutable_data_ptr<float>());
  };
  if (q.scalar_type() == at::kFloat) {
    run(float{});
  } else {
    run(c10::BFloat16{});
  }
  return {out, log_total};
}

}  // namespace lorashear
