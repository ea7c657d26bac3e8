// What the passes of attention share: sizes, which tokens a block of queries sees, and memory.
#pragma once

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "kernels/attention/loops.h"
#include "kernels/heads.h"
#include "kernels/tiles.h"

namespace lorashear {

// Keys of a block come in these steps, so that few kernels are compiled.
constexpr int64_t kKeyStep = 32;

struct AttentionSizes {
  int64_t batch, heads, kv_heads, queries, keys, width;

  AttentionSizes(const at::Tensor& q, const at::Tensor& k)
      : batch(q.size(0)),
        heads(q.size(1)),
        kv_heads(k.size(1)),
        queries(q.size(2)),
        keys(k.size(2)),
        width(q.size(3)) {}
  int64_t shared() const { return heads / kv_heads; }  // query heads of a kv head
  int64_t padded_keys() const { return ceil_to(keys, kKeyPanel); }
};

// The elements of one head, token by token.
template <typename T>
Panel<T> head_of(const at::Tensor& x, int64_t batch, int64_t head, int64_t from, int64_t count) {
  const T* data = x.const_data_ptr<T>() + batch * x.stride(0) + head * x.stride(1);
  return {data + from * x.stride(2), x.stride(2), count, x.size(3)};
}

// Row after row, without what lies between.
template <typename T>
void copy_rows(const Panel<T>& from, T* to) {
  for (int64_t row = 0; row < from.rows; ++row) {
    const T* at = from.data + row * from.stride;
    std::copy(at, at + from.columns, to + row * from.columns);
  }
}

// A run of queries of one row that see no token before the first of them: a text, or all of a row
// whose queries look back on keys before it.
struct Text {
  int64_t batch, begin, count;
};

// The texts of all rows, in order.
inline std::vector<Text> texts_of(const std::optional<at::Tensor>& first,
                                  const AttentionSizes& sizes) {
  std::vector<Text> texts;
  const bool apart = first && sizes.queries == sizes.keys;
  for (int64_t batch = 0; batch < sizes.batch; ++batch) {
    const auto at = static_cast<int64_t>(texts.size());
    int64_t end = sizes.queries, seen = end;
    const int32_t* row =
        apart ? first->const_data_ptr<int32_t>() + (first->size(0) > 1 ? batch : 0) * sizes.queries
              : nullptr;
    for (int64_t token = sizes.queries; token-- > 0;) {
      seen = std::min<int64_t>(seen, row ? std::clamp<int64_t>(row[token], 0, token) : 0);
      if (seen < token) continue;
      texts.push_back({batch, token, end - token});
      end = seen = token;
    }
    std::reverse(texts.begin() + at, texts.end());
  }
  return texts;
}

// The tokens that each query of a block sees, counted from the text's first; those behind the last
// query see none.
struct Sight {
  std::array<int32_t, kQueries> first, last;
  int64_t begin = 0, end = 0;  // of all

  Sight(const std::optional<at::Tensor>& given, const AttentionSizes& sizes, const Text& text,
        int64_t from, int64_t count) {
    first.fill(std::numeric_limits<int32_t>::max());
    last.fill(-1);
    const int32_t* row = nullptr;
    if (given) {
      row = given->const_data_ptr<int32_t>() +
            (given->size(0) > 1 ? text.batch : 0) * sizes.queries + text.begin + from;
    }
    const int64_t past = sizes.keys - sizes.queries;
    for (int64_t i = 0; i < count; ++i) {
      const auto own = static_cast<int32_t>(past + from + i);
      last[i] = own;
      first[i] = row ? std::clamp(row[i] - static_cast<int32_t>(text.begin), 0, own) : 0;
    }
    begin = *std::min_element(first.begin(), first.begin() + count);
    end = past + from + count;
  }
};

// Memory of the threads, which each cuts into aligned pieces.
class ThreadMemory {
 public:
  static constexpr int64_t kLine = 64;

  // bytes: a multiple of kLine, as shares are
  explicit ThreadMemory(int64_t bytes)
      : bytes_(bytes), memory_(at::empty({at::get_num_threads() * bytes_ + kLine}, at::kByte)) {}

  // Hands out pieces of memory, or without any only counts them.
  class Share {
   public:
    explicit Share(uint8_t* data) : data_(data) {}
    template <typename T>
    T* take(int64_t count) {
      T* piece = data_ ? reinterpret_cast<T*>(data_ + taken_) : nullptr;
      taken_ += ceil_to(count * static_cast<int64_t>(sizeof(T)), kLine);
      return piece;
    }
    int64_t taken() const { return taken_; }

   private:
    uint8_t* data_;
    int64_t taken_ = 0;
  };

  // The calling thread's, from its start on.
  Share own() const {
    auto* data = memory_.mutable_data_ptr<uint8_t>();
    data += (kLine - reinterpret_cast<uintptr_t>(data) % kLine) % kLine;
    return Share(data + at::get_thread_num() * bytes_);
  }

 private:
  int64_t bytes_;
  at::Tensor memory_;
};

}  // namespace lorashear
