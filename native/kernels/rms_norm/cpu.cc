// The root-mean-square norm on CPU: each row is read again from the cache where it is needed twice.
#include <ATen/Functions.h>

#include "kernels/rms_norm/op.h"
#include "kernels/rows.h"

namespace lorashear {

using Optional = std::optional<at::Tensor>;

bool suits_rms_norm(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && x.size(-1) == weight.size(0),
              "rms_norm: the weight has ", weight.sizes(), ", x ", x.sizes());
  const at::ScalarType type = x.scalar_type();
  return x.device().is_cpu() && weight.scalar_type() == type && x.size(-1) > 0 &&
         (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

Normed rms_norm_forward(const at::Tensor& x, const Optional& added, const at::Tensor& weight,
                        double eps) {
  const at::Tensor from = x.contiguous(), scale = weight.contiguous();
  const at::Tensor other = added ? added->contiguous() : at::Tensor();
  const int64_t n = x.size(-1), rows = x.numel() / n;
  Normed made{added ? at::empty(x.sizes(), x.options()) : from, at::empty(x.sizes(), x.options()),
              at::empty({rows}, x.options().dtype(at::kFloat))};
  with_row_type(x.scalar_type(), [&]<typename T>() {
    const T* in = from.const_data_ptr<T>();
    const T* more = added ? other.const_data_ptr<T>() : nullptr;
    T* sum = added ? made.x.mutable_data_ptr<T>() : nullptr;
    const T* w = scale.const_data_ptr<T>();
    T* out = made.y.mutable_data_ptr<T>();
    float* by = made.by.mutable_data_ptr<float>();
    const RowLoops<T>& loops = row_loops<T>();
    each_rows(rows, n, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* normed = in + row * n;
        if (sum) {
          loops.add(normed, more + row * n, n, sum + row * n);
          normed = sum + row * n;
        }
        by[row] = loops.rms_norm(normed, w, static_cast<float>(eps), n, out + row * n);
      }
    });
  });
  return made;
}

at::Tensor rms_norm_backward(const at::Tensor& gradient, const Optional& beside,
                             const at::Tensor& x, const at::Tensor& weight, const at::Tensor& by) {
  const at::Tensor given = gradient.contiguous(), scale = weight.contiguous();
  const at::Tensor other = beside ? beside->contiguous() : at::Tensor();
  at::Tensor result = at::empty(x.sizes(), x.options());
  const int64_t n = x.size(-1), rows = x.numel() / n;
  with_row_type(x.scalar_type(), [&]<typename T>() {
    const NormGradient<T> all{given.const_data_ptr<T>(),
                              beside ? other.const_data_ptr<T>() : nullptr,
                              x.const_data_ptr<T>(),
                              scale.const_data_ptr<T>(),
                              0,
                              n,
                              result.mutable_data_ptr<T>()};
    const float* by_row = by.const_data_ptr<float>();
    each_rows(rows, n, [&](int64_t begin, int64_t end) {
      NormGradient<T> p = all;
      for (int64_t row = begin; row < end; ++row) {
        p.gradient = all.gradient + row * n;
        p.beside = all.beside ? all.beside + row * n : nullptr;
        p.x = all.x + row * n;
        p.by = by_row[row];
        p.y = all.y + row * n;
        row_loops<T>().rms_norm_back(p);
      }
    });
  });
  return result;
}

at::Tensor rms_norm_cpu(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (!suits_rms_norm(x, weight)) return rms_norm_reference(x, weight, eps);
  return rms_norm_forward(x, std::nullopt, weight, eps).y;
}

std::tuple<at::Tensor, at::Tensor> add_rms_norm_cpu(const at::Tensor& x, const at::Tensor& added,
                                                    const at::Tensor& weight, double eps) {
  check_sum(x, added);
  if (!suits_rms_norm(x, weight)) return add_rms_norm_reference(x, added, weight, eps);
  const Normed made = rms_norm_forward(x, added, weight, eps);
  return {made.x, made.y};
}

}  // namespace lorashear
