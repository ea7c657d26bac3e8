// The low-rank products on CPU: each row of the wide side is read once, widened as it is read.
#include <ATen/Functions.h>

#include "kernels/amx/engine.h"
#include "kernels/amx/gradients.h"
#include "kernels/lines.h"
#include "kernels/lora_linear/op.h"
#include "kernels/packed/product.h"
#include "kernels/rows.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

// Columns of a gradient that a thread takes at once.
constexpr int64_t kColumns = 256;

// (r, n) in float32 with zeros up to a multiple of kRankUnit rows.
at::Tensor padded(const at::Tensor& basis) {
  const int64_t r = basis.size(0), rank = (r + kRankUnit - 1) / kRankUnit * kRankUnit;
  const at::Tensor wide = basis.to(at::kFloat);
  return rank == r ? wide.contiguous() : at::constant_pad_nd(wide, {0, 0, 0, rank - r});
}

at::Tensor padded_columns(const at::Tensor& coefficients) {
  const int64_t r = coefficients.size(1), rank = (r + kRankUnit - 1) / kRankUnit * kRankUnit;
  const at::Tensor wide = coefficients.to(at::kFloat);
  return rank == r ? wide.contiguous() : at::constant_pad_nd(wide, {0, rank - r});
}

void check(const at::Tensor& x, const at::Tensor& basis) {
  TORCH_CHECK(x.dim() > 0 && basis.dim() == 2 && x.size(-1) == basis.size(1),
              "lora_linear: a factor has ", basis.sizes(), " for x of ", x.sizes());
}

}  // namespace

at::Tensor low_rank_in_cpu(const at::Tensor& x, const at::Tensor& basis, double scale) {
  check(x, basis);
  const at::Tensor from = rows_of(x);
  const int64_t rows = from.size(0), n = from.size(1);
  if (basis.size(0) > 0 && amx::suits(x)) return packed::low_rank_in(x, basis, scale);
  const at::Tensor factor = padded(basis);
  const int64_t rank = factor.size(0);
  at::Tensor result = at::empty({rows, rank}, x.options().dtype(at::kFloat));
  const bool known = with_row_type(x.scalar_type(), [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const float* b = factor.const_data_ptr<float>();
    float* out = result.mutable_data_ptr<float>();
    each_rows(rows, n * rank / kRankUnit, [&](int64_t begin, int64_t end) {
      LowRank<T> p{};
      p.x = in + begin * from.stride(0);
      p.basis = b;
      p.coefficients = out + begin * rank;
      p.rows = end - begin, p.n = n, p.stride = from.stride(0), p.rank = rank;
      row_loops<T>().low_rank_in(p);
    });
  });
  if (!known) return low_rank_in_reference(x, basis, scale);
  if (scale != 1) result.mul_(scale);
  return result.narrow(1, 0, basis.size(0));
}

at::Tensor& low_rank_out_cpu(at::Tensor& y, const at::Tensor& coefficients,
                             const at::Tensor& basis) {
  check(y, basis);
  if (!y.is_contiguous()) return low_rank_out_reference(y, coefficients, basis);
  const int64_t n = y.size(-1), rows = y.numel() / std::max<int64_t>(1, n), r = basis.size(0);
  TORCH_CHECK(coefficients.size(0) == rows && coefficients.size(1) == r,
              "lora_linear: coefficients of ", coefficients.sizes(), " for y of ", y.sizes());
  const at::Tensor factor = padded(basis), given = padded_columns(coefficients);
  const int64_t rank = factor.size(0);
  const bool known = with_row_type(y.scalar_type(), [&]<typename T>() {
    T* to = y.mutable_data_ptr<T>();
    const float* b = factor.const_data_ptr<float>();
    auto* c = const_cast<float*>(given.const_data_ptr<float>());
    each_rows(rows, n * rank / kRankUnit, [&](int64_t begin, int64_t end) {
      LowRank<T> p{};
      p.y = to + begin * n;
      p.basis = b;
      p.coefficients = c + begin * rank;
      p.rows = end - begin, p.n = n, p.stride = n, p.rank = rank;
      row_loops<T>().low_rank_out(p);
    });
  });
  return known ? y : low_rank_out_reference(y, coefficients, basis);
}

at::Tensor low_rank_gradient_cpu(const at::Tensor& coefficients, const at::Tensor& x,
                                 bool transposed) {
  const at::Tensor from = rows_of(x);
  const int64_t rows = from.size(0), n = from.size(1), r = coefficients.size(1);
  TORCH_CHECK(coefficients.size(0) == rows, "lora_linear: coefficients of ", coefficients.sizes(),
              " for x of ", x.sizes());
  if (r > 0 && amx::suits(x)) return amx::low_rank_gradients({{x, {coefficients}, transposed}})[0];
  const at::Tensor given = padded_columns(coefficients);
  const int64_t rank = given.size(1);
  at::Tensor result = at::zeros({rank, n}, x.options().dtype(at::kFloat));
  const bool known = with_row_type(x.scalar_type(), [&]<typename T>() {
    LowRank<T> p{};
    p.x = from.const_data_ptr<T>();
    p.coefficients = const_cast<float*>(given.const_data_ptr<float>());
    p.gradient = result.mutable_data_ptr<float>();
    p.rows = rows, p.n = n, p.stride = from.stride(0), p.rank = rank;
    each((n + kColumns - 1) / kColumns, [&](int64_t part) {
      row_loops<T>().low_rank_gradient(p, part * kColumns, std::min(n, (part + 1) * kColumns));
    });
  });
  if (!known) return low_rank_gradient_reference(coefficients, x, transposed);
  result = result.narrow(0, 0, r);
  return transposed ? result.t().contiguous() : result;
}

}  // namespace lorashear
