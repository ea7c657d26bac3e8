// lorashear::deviations: how far rows of logits are from probabilities of the same words, and from
// labels; on CPU in one pass over both.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/library.h>

#include "kernels/linear_cross_entropy/loops.h"
#include "kernels/rows.h"

namespace lorashear {
namespace {

// -ln q[label] (N) and the sum of p ln q (N), q = softmax(logits), of logits (N, V), p (N, V)
// float32 and labels (N); float64.
using Deviations = std::tuple<at::Tensor, at::Tensor>;

void check(const at::Tensor& logits, const at::Tensor& p, const at::Tensor& labels) {
  TORCH_CHECK(logits.dim() == 2 && p.sizes() == logits.sizes() && p.scalar_type() == at::kFloat,
              "deviations: probabilities of ", p.scalar_type(), p.sizes(), " for logits of ",
              logits.sizes());
  TORCH_CHECK(
      labels.dim() == 1 && labels.size(0) == logits.size(0) && labels.scalar_type() == at::kLong,
      "deviations: labels of ", labels.scalar_type(), labels.sizes(), " for logits of ",
      logits.sizes());
}

Deviations deviations_aten(const at::Tensor& logits, const at::Tensor& p,
                           const at::Tensor& labels) {
  check(logits, p, labels);
  const at::Tensor logs = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor nats = -logs.gather(1, labels.unsqueeze(1)).squeeze(1).to(at::kDouble);
  return {nats, (logs * p).sum(-1, false, at::kDouble)};
}

Deviations deviations_cpu(const at::Tensor& logits, const at::Tensor& p, const at::Tensor& labels) {
  check(logits, p, labels);
  const int64_t rows = logits.size(0), n = logits.size(1);
  const at::Tensor given = logits.contiguous(), dense = p.contiguous(), words = labels.contiguous();
  const int64_t* label = words.const_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row)
    TORCH_CHECK_INDEX(label[row] >= 0 && label[row] < n, "deviations: label ", label[row],
                      " of row ", row, " is outside 0 ... ", n - 1);
  at::Tensor nats = at::empty({rows}, logits.options().dtype(at::kDouble));
  at::Tensor cross = at::empty_like(nats);
  const bool known = with_row_type(logits.scalar_type(), [&]<typename T>() {
    T* data = const_cast<T*>(given.const_data_ptr<T>());
    const float* probabilities = dense.const_data_ptr<float>();
    double* to_nats = nats.mutable_data_ptr<double>();
    double* to_cross = cross.mutable_data_ptr<double>();
    each_rows(rows, n, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const LogitRow<T> row{data + i * n, n, label[i], 1, 0};
        const RowDeviation found = loss_loops_of<T>().deviation(row, probabilities + i * n);
        to_nats[i] = found.nats;
        to_cross[i] = found.cross;
      }
    });
  });
  return known ? Deviations{nats, cross} : deviations_aten(logits, p, labels);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "deviations(Tensor logits, Tensor probabilities, Tensor labels) -> (Tensor nats, Tensor "
      "cross)");
}

TORCH_LIBRARY_IMPL(lorashear, CompositeExplicitAutograd, library) {
  library.impl("deviations", lorashear::deviations_aten);
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("deviations", lorashear::deviations_cpu);
}
