// x W^T + b on CPU by what is fastest: own loops for few rows, AMX for many, else oneDNN or
// libtorch's choice.
#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "kernels/amx/engine.h"
#include "kernels/linear/op.h"
#include "kernels/packed/product.h"
#include "kernels/rows.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

using Optional = std::optional<at::Tensor>;

// Most rows of x that the own loops take. On a Xeon with AMX, 1376x512 from memory, one thread: 1
// row of bf16 in 146 us where libtorch's oneDNN takes 268, 8 rows 207 and 261, 12 rows 280 and 267;
// float32 1 row 159 and 191 (MKL), 8 rows 241 and 472, 16 rows 391 and 532. `decode` of the
// benchmark is made of 1 row, `load` of 8.
constexpr int64_t few_rows(at::ScalarType type) {
  return type == at::kFloat ? 16 : 8;
}
// Fewest rows that oneDNN gets where it is faster than MKL at all.
constexpr int64_t kManyRows = 17;
// Fewest rows of bf16 for which packing them pays.
constexpr int64_t kManyRowsOfBFloat16 = 1024;
// Elements of the matrix that a thread takes at once: some 10 us.
constexpr int64_t kPart = 65536;

// MKL 2024 in libtorch uses AVX-512 on Intel's processors only.
bool mkl_is_slow() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool slow = !__builtin_cpu_is("intel");
  return slow;
#else
  return false;
#endif
}

at::Tensor by_onednn(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) {
  using Pointwise =
      at::Tensor(const at::Tensor&, const at::Tensor&, const Optional&, c10::string_view,
                 c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);
  static const auto pointwise = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                                    .typed<Pointwise>();
  return pointwise.call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(),
                        std::nullopt);
}

// The own loops read everything where it lies.
bool suits_rows(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) {
  const at::ScalarType type = x.scalar_type();
  const bool known = type == at::kFloat || type == at::kBFloat16 || type == at::kHalf;
  return known && weight.scalar_type() == type && weight.dim() == 2 && weight.is_contiguous() &&
         x.dim() > 0 && x.size(-1) == weight.size(1) && weight.size(1) > 0 &&
         (!bias || (bias->scalar_type() == type && bias->is_contiguous() && bias->dim() == 1 &&
                    bias->size(0) == weight.size(0)));
}

at::Tensor by_rows(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) {
  const int64_t n = weight.size(1), outputs = weight.size(0), rows = x.numel() / n;
  const at::Tensor from = x.contiguous();
  at::Tensor result = empty_rows(x, outputs);
  with_row_type(x.scalar_type(), [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const T* w = weight.const_data_ptr<T>();
    const T* b = bias ? bias->const_data_ptr<T>() : nullptr;
    T* out = result.mutable_data_ptr<T>();
    const int64_t part = std::max<int64_t>(1, kPart / n / kMatrixRows) * kMatrixRows;
    each((outputs + part - 1) / part, [&](int64_t p) {
      const int64_t end = std::min(outputs, (p + 1) * part);
      for (int64_t o = p * part; o < end; o += kMatrixRows) {
        const int64_t count = std::min(kMatrixRows, end - o);
        const Product<T> product{w + o * n, n, in, rows, b ? b + o : nullptr, out + o, outputs};
        row_loops<T>().product(product, count);
      }
    });
  });
  return result;
}

// Whether packed operands are multiplied faster than by others. Fewer rows of bf16 are as fast by
// oneDNN's own AMX, which packs no x, unless W is transposed; blocks are for halves that nobody
// else multiplies well, and for float32 where MKL does not.
bool packing_pays(const at::Tensor& x, const at::Tensor& weight, int64_t rows) {
  const bool halves = x.scalar_type() != at::kFloat;
  if (!amx::suits(x)) return halves || mkl_is_slow();
  return !halves || weight.stride(1) != 1 || rows >= kManyRowsOfBFloat16;
}

}  // namespace

at::Tensor linear_cpu(const at::Tensor& x, const at::Tensor& weight, const Optional& bias,
                      std::optional<c10::string_view> by) {
  const int64_t inputs = x.dim() > 0 ? x.size(-1) : 0;
  const int64_t rows = inputs > 0 ? x.numel() / inputs : 0;
  if (by) {
    if (*by == "rows" && suits_rows(x, weight, bias)) return by_rows(x, weight, bias);
    if (*by == "onednn") return by_onednn(x, weight, bias);
    if (*by == "packed" && packed::suits(x, weight)) return packed::product(x, weight, bias);
    TORCH_CHECK(*by == "aten", "linear: '", *by, "' does not compute this");
    return at::linear(x, weight, bias);
  }
  const bool fits = weight.dim() == 2 && weight.size(1) == inputs &&
                    (!bias || (bias->dim() == 1 && bias->size(0) == weight.size(0)));
  if (!fits) return at::linear(x, weight, bias);  // which says what is wrong, or knows better
  if (rows > 0 && rows <= few_rows(x.scalar_type()) && suits_rows(x, weight, bias))
    return by_rows(x, weight, bias);
  if (packed::suits(x, weight) && packing_pays(x, weight, rows))
    return packed::product(x, weight, bias);
  // A transposed weight is what the gradient of x is multiplied with.
  const bool dense = x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
                     (weight.is_contiguous() || weight.t().is_contiguous());
  if (mkl_is_slow() && dense && rows >= kManyRows) return by_onednn(x, weight, bias);
  return at::linear(x, weight, bias);
}

}  // namespace lorashear
