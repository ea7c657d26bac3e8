// Shapes of ATen operators whose meta implementation is in PyTorch's Python only (design §3.7).
#include <ATen/ExpandUtils.h>
#include <ATen/Functions.h>
#include <ATen/WrapDimUtils.h>
#include <torch/library.h>

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

}  // namespace lorashear

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("index_select", lorashear::index_select_meta);
  library.impl("where.self", lorashear::where_meta);
  library.impl("where.self_out", lorashear::where_out_meta);
}
