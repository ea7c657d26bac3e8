// Shapes of ATen operators whose meta implementation is in PyTorch's Python only (design §3.7).
#include <ATen/ExpandUtils.h>
#include <ATen/Functions.h>
#include <ATen/WrapDimUtils.h>
#include <torch/library.h>

#include <algorithm>
#include <tuple>

namespace lorashear {

static at::Tensor index_select_meta(const at::Tensor& self, int64_t dim, const at::Tensor& index) {
  TORCH_CHECK(index.dim() <= 1, "index_select: the index has ", index.dim(), " dimensions");
  auto sizes = self.sizes().vec();
  if (!sizes.empty()) sizes[at::maybe_wrap_dim(dim, self.dim())] = index.numel();
  return at::empty(sizes, self.options());
}

static at::Tensor where_meta(const at::Tensor& condition, const at::Tensor& self,
                             const at::Tensor& other) {
  const auto sizes = at::infer_size(condition.sizes(), at::infer_size(self.sizes(), other.sizes()));
  const auto options = self.device().is_meta() ? self.options() : other.options();
  return at::empty(sizes, options.device(at::kMeta).dtype(at::result_type(self, other)));
}

static at::Tensor& where_out_meta(const at::Tensor& condition, const at::Tensor& self,
                                  const at::Tensor& other, at::Tensor& out) {
  out.resize_(at::infer_size(condition.sizes(), at::infer_size(self.sizes(), other.sizes())));
  return out;
}

static std::tuple<at::Tensor, at::Tensor, at::Tensor> native_layer_norm_meta(
    const at::Tensor& input, c10::SymIntArrayRef normalized_shape,
    const std::optional<at::Tensor>& /*weight*/, const std::optional<at::Tensor>& /*bias*/,
    double /*eps*/) {
  const auto over = static_cast<int64_t>(normalized_shape.size());
  TORCH_CHECK(over <= input.dim(), "native_layer_norm: ", over, " dimensions of ", input.dim());
  auto statistics = input.sizes().vec();
  std::fill(statistics.end() - over, statistics.end(), 1);
  return {at::empty(input.sizes(), input.options()), at::empty(statistics, input.options()),
          at::empty(statistics, input.options())};
}

static at::Tensor relu_meta(const at::Tensor& self) {
  return at::empty_like(self);
}

}  // namespace lorashear

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("index_select", lorashear::index_select_meta);
  library.impl("native_layer_norm", lorashear::native_layer_norm_meta);
  library.impl("relu", lorashear::relu_meta);
  library.impl("where.self", lorashear::where_meta);
  library.impl("where.self_out", lorashear::where_out_meta);
}
