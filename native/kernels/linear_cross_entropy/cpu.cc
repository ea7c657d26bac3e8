// The loss of a linear head on CPU: products by libtorch, rows of logits by our own loop, and only
// rows that count.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "kernels/linear/op.h"
#include "kernels/linear_cross_entropy/loops.h"
#include "kernels/linear_cross_entropy/op.h"
#include "kernels/packed/product.h"
#include "kernels/rows.h"

namespace lorashear {
namespace {

constexpr int64_t kMostLogits = int64_t{1} << 23;  // 32 MiB in float32
constexpr int64_t kMostRows = 512;                 // more at once are no faster

// Rows whose label is not ignore_index, and those labels.
struct Targets {
  std::vector<int64_t> rows, labels;

  Targets(const at::Tensor& given, int64_t ignore_index, int64_t vocabulary) {
    const at::Tensor dense = given.contiguous();
    const int64_t* label = dense.const_data_ptr<int64_t>();
    for (int64_t row = 0; row < dense.numel(); ++row) {
      if (label[row] == ignore_index) continue;
      TORCH_CHECK_INDEX(label[row] >= 0 && label[row] < vocabulary, "linear_cross_entropy: label ",
                        label[row], " of row ", row, " is outside 0 ... ", vocabulary - 1);
      rows.push_back(row);
      labels.push_back(label[row]);
    }
  }
};

// to = products W
void back_out(at::Tensor& to, const at::Tensor& products, const at::Tensor& weight) {
  if (packed::suits(products, weight.t()))
    packed::product_out(to, products, weight.t(), std::nullopt);
  else
    at::mm_out(to, products, weight);
}

}  // namespace

LossAndGradient linear_cross_entropy_cpu(LORASHEAR_LOSS_PARAMETERS) {
  check_loss(LORASHEAR_LOSS_ARGUMENTS);
  const int64_t vocabulary = weight.size(0);
  const Targets targets(labels, ignore_index, vocabulary);
  at::Tensor losses = at::zeros({hidden.size(0)}, hidden.options().dtype(at::kFloat));
  float* loss = losses.mutable_data_ptr<float>();
  const auto rows = static_cast<int64_t>(targets.rows.size());
  const bool all = rows == hidden.size(0);
  at::Tensor result = !gradient ? at::empty({0}, hidden.options())
                      : all     ? at::empty(hidden.sizes(), hidden.options())
                                : at::zeros(hidden.sizes(), hidden.options());
  const at::Tensor places =
      at::from_blob(const_cast<int64_t*>(targets.rows.data()), {rows}, at::kLong);
  const int64_t size =
      chunk_rows(rows, vocabulary, chunk, std::min(kMostLogits, kMostRows * vocabulary));
  const bool known = with_row_type(hidden.scalar_type(), [&]<typename T>() {
    for (int64_t begin = 0; begin < rows; begin += size) {
      const int64_t count = std::min(size, rows - begin);
      const at::Tensor part = places.narrow(0, begin, count);
      const at::Tensor x = all ? hidden.narrow(0, begin, count) : hidden.index_select(0, part);
      const at::Tensor products = linear_cpu(x, weight, bias, std::nullopt);
      T* data = products.mutable_data_ptr<T>();
      each_rows(count, vocabulary, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          const LogitRow<T> row{data + i * vocabulary, vocabulary, targets.labels[begin + i],
                                static_cast<float>(scale), static_cast<float>(softcap)};
          loss[targets.rows[begin + i]] = loss_loops_of<T>().loss(row, gradient);
        }
      });
      if (!gradient) continue;
      if (all) {
        at::Tensor into = result.narrow(0, begin, count);
        back_out(into, products, weight);
      } else {
        at::Tensor some = at::empty(x.sizes(), x.options());
        back_out(some, products, weight);
        result.index_copy_(0, part, some);
      }
    }
  });
  return known ? LossAndGradient{losses, result}
               : linear_cross_entropy_aten(LORASHEAR_LOSS_ARGUMENTS);
}

}  // namespace lorashear
