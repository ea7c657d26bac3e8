// The inner loop of the loss: one row of logits, compiled for several instruction sets
// (loops_body.h).
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <type_traits>

#include "kernels/instruction_set.h"

namespace lorashear {

template <typename T>
struct LogitRow {
  T* products;    // what the head's matrix and bias made
  int64_t n;      // of them
  int64_t label;  // 0 ... n - 1
  float scale;    // logits are softcap tanh(scale products / softcap)
  float softcap;  // 0: no tanh
};

// -log softmax(logits)[label], in float32; if asked for, the products become its gradient.
template <typename T>
using LossLoop = float (*)(const LogitRow<T>&, bool gradient);

// -ln q[label] and the sum of p ln q for q = softmax(logits) and p (n) in float32; no softcap.
struct RowDeviation {
  double nats, cross;
};
template <typename T>
using DeviationLoop = RowDeviation (*)(const LogitRow<T>&, const float* p);

template <typename T>
struct LossLoopsOf {
  LossLoop<T> loss;
  DeviationLoop<T> deviation;
};

using LossLoops = OfStorages<LossLoopsOf>;

// Those of instruction_set().
const LossLoops& loss_loops();

template <typename T>
const LossLoopsOf<T>& loss_loops_of() {
  return loss_loops().template of<T>();
}

}  // namespace lorashear
