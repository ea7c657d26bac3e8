// The loops of attention between its block products, compiled for several instruction sets
// (loops_body.h).
#pragma once

#include <cstdint>

namespace lorashear {

// Queries of a block: columns of what the gradients are computed from.
constexpr int64_t kQueries = 64;
// Keys of a right-hand block.
constexpr int64_t kKeyPanel = 64;
// Keys that a block of queries meets at once.
constexpr int64_t kKeys = 512;
// Elements from one query's scores to the next's: no power of two, whose rows would share few
// lines of the cache.
constexpr int64_t kScoreStride = kKeys + 32;
// The same for the gradients.
constexpr int64_t kGradientKeys = 256;
constexpr int64_t kTransposedStride = kGradientKeys + 32;

// `rows` rows of `columns` elements, `stride` from one to the next.
template <typename T>
struct Panel {
  const T* data;
  int64_t stride;
  int64_t rows;
  int64_t columns;
};

// Keys `from` ... `from` + `count` - 1 before a block of queries, of which query i sees those from
// first[i] to last[i].
template <typename T>
struct ScoredKeys {
  const float* scores;  // [queries][kScoreStride], read
  T* weights;           // [queries][kScoreStride]: e^(scale score - most), 0 where hidden
  int64_t queries;
  int64_t from;
  int64_t count;
  int64_t padded;  // keys of weights that are written, at least count
  float scale;
  const int32_t* first;
  const int32_t* last;
  float* most;    // of each query so far
  float* total;   // of e^(scale score - most) so far
  float* shrunk;  // what sums of earlier keys have to be multiplied with
};

// The same from the other side, a row for each key: [count][kQueries].
template <typename T>
struct KeyGradients {
  const float* scores;
  const float* products;  // <gradient of the output, value>
  T* weights;             // softmax of the scores
  T* gradient;            // of the unscaled scores
  T* paired;              // the same as a right-hand block; float32: may be `gradient`
  int64_t from;
  int64_t count;  // even
  float scale;
  const int32_t* first;
  const int32_t* last;
  const float* log_total;
  const float* dot;  // <gradient of the output, output>
};

template <typename T>
struct AttentionLoops {
  // to = the panel transposed, as a right-hand block of kKeyPanel columns; missing rows are 0.
  void (*pair_columns)(const Panel<T>&, T* to);
  // to = the panel as a right-hand block of its columns; rows are 0 from panel.rows to `padded`.
  void (*pair_rows)(const Panel<T>&, int64_t padded, T* to);
  // to[column][row], of `stride` elements; rows are 0 up to `padded`, a multiple of 16.
  void (*transpose)(const Panel<T>&, int64_t padded, T* to, int64_t stride);
  // to[row][column], of `stride` elements, = factor[row] from[row][column]; factor may be null.
  void (*write_rows)(const Panel<float>&, const float* factor, T* to, int64_t stride);
  // result[row] = <a[row], b[row]>
  void (*row_products)(const Panel<T>& a, const Panel<T>& b, float* result);
  void (*softmax)(const ScoredKeys<T>&);
  void (*key_gradients)(const KeyGradients<T>&);
};

}  // namespace lorashear
