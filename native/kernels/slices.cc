// Checks of the argument lists of our per-group operators: the words come first, the memory is
// touched after.
#include "kernels/slices.h"

#include <ATen/MemoryOverlap.h>

#include <unordered_map>

namespace lorashear {
namespace {

bool supported(at::ScalarType type) {
  return type == at::kFloat || type == at::kBFloat16 || type == at::kHalf || type == at::kDouble;
}

void* data_of(const at::Tensor& tensor) {
  // A meta tensor has no memory; any non-null address makes its factors present, and nobody reads
  // it.
  return tensor.is_meta() ? reinterpret_cast<void*>(1) : tensor.mutable_data_ptr();
}

Factor view(const at::Tensor& tensor, int64_t outer, int64_t inner) {
  return {data_of(tensor), tensor.scalar_type(), tensor.stride(outer), tensor.stride(inner)};
}

SliceMatrix read_matrix(const char* op, size_t k, const at::Tensor& x, const at::Tensor& b,
                        const at::Tensor& a, const at::Tensor& index, const at::Tensor& group,
                        int64_t axis) {
  TORCH_CHECK(x.dim() == 1 || x.dim() == 2, op, ": x[", k,
              "] must be a matrix or a vector, it has shape ", x.sizes());
  TORCH_CHECK(supported(x.scalar_type()), op, ": x[", k,
              "] must be fp32, bf16, f16 or fp64, it is ", x.scalar_type());
  TORCH_CHECK(axis == 0 || (axis == 1 && x.dim() == 2), op, ": axis[", k, "] is ", axis, " for x[",
              k, "] of shape ", x.sizes());
  for (const auto* list : {&index, &group}) {
    const char* name = list == &index ? "index" : "group";
    TORCH_CHECK(list->dim() == 1 && list->scalar_type() == at::kLong && list->is_contiguous(), op,
                ": ", name, "[", k, "] must be a contiguous int64 vector, it is ",
                list->scalar_type(), " of shape ", list->sizes());
    TORCH_CHECK(list->device() == x.device(), op, ": ", name, "[", k, "] is on ", list->device(),
                ", x[", k, "] on ", x.device());
  }
  TORCH_CHECK(index.numel() == group.numel(), op, ": index[", k, "] has ", index.numel(),
              " entries, group[", k, "] ", group.numel());
  SliceMatrix matrix;
  matrix.tensor = x;
  matrix.axis = axis;
  matrix.extent = x.size(axis);
  matrix.count = index.numel();
  if (!x.is_meta()) {
    matrix.index = index.const_data_ptr<int64_t>();
    matrix.group = group.const_data_ptr<int64_t>();
  }
  if (x.dim() == 1) {
    matrix.length = 1;
    matrix.x = {data_of(x), x.scalar_type(), x.stride(0), 1};
  } else {
    matrix.length = x.size(1 - axis);
    matrix.x = view(x, axis, 1 - axis);
  }
  TORCH_CHECK((b.numel() == 0) == (a.numel() == 0), op, ": matrix ", k,
              " has only one of lora_b (shape ", b.sizes(), ") and lora_a (shape ", a.sizes(),
              "); give both, or two empty tensors");
  if (b.numel() == 0) return matrix;
  TORCH_CHECK(x.dim() == 2 && b.dim() == 2 && a.dim() == 2 && b.size(0) == x.size(0) &&
                  a.size(1) == x.size(1) && b.size(1) == a.size(0),
              op, ": lora_b[", k, "] of shape ", b.sizes(), " times lora_a[", k, "] of shape ",
              a.sizes(), " does not give the shape of x[", k, "], ", x.sizes());
  for (const auto* factor : {&b, &a}) {
    const char* name = factor == &b ? "lora_b" : "lora_a";
    TORCH_CHECK(supported(factor->scalar_type()), op, ": ", name, "[", k,
                "] must be fp32, bf16, f16 or fp64, it is ", factor->scalar_type());
    TORCH_CHECK(factor->device() == x.device(), op, ": ", name, "[", k, "] is on ",
                factor->device(), ", x[", k, "] on ", x.device());
  }
  matrix.rank = b.size(1);
  matrix.carrier = axis == 0 ? view(b, 0, 1) : view(a, 1, 0);
  matrix.basis = axis == 0 ? view(a, 0, 1) : view(b, 1, 0);
  return matrix;
}

}  // namespace

std::vector<SliceMatrix> read_slices(const char* op, at::TensorList x, at::TensorList lora_b,
                                     at::TensorList lora_a, at::TensorList moments,
                                     at::TensorList index, at::TensorList group,
                                     at::IntArrayRef axis, int64_t groups) {
  const size_t n = x.size();
  TORCH_CHECK(n > 0, op, ": x is empty");
  TORCH_CHECK(groups >= 0, op, ": groups is ", groups);
  TORCH_CHECK(lora_b.size() == n && lora_a.size() == n && index.size() == n && group.size() == n &&
                  axis.size() == n,
              op, ": the lists differ in length: x ", n, ", lora_b ", lora_b.size(), ", lora_a ",
              lora_a.size(), ", index ", index.size(), ", group ", group.size(), ", axis ",
              axis.size());
  TORCH_CHECK(moments.empty() || moments.size() == 2 * n, op,
              ": moments must be empty or hold 2 per matrix (", 2 * n, "), it holds ",
              moments.size());
  std::vector<SliceMatrix> matrices;
  matrices.reserve(n);
  int64_t first = 0;
  for (size_t k = 0; k < n; ++k) {
    TORCH_CHECK(x[k].device() == x[0].device(), op, ": x[", k, "] is on ", x[k].device(),
                ", x[0] on ", x[0].device());
    SliceMatrix matrix =
        read_matrix(op, k, x[k], lora_b[k], lora_a[k], index[k], group[k], axis[k]);
    for (size_t j = 0; !moments.empty() && j < 2; ++j) {
      const at::Tensor& moment = moments[2 * k + j];
      if (moment.numel() == 0) continue;
      const at::Tensor& owner = axis[k] == 0 ? lora_b[k] : lora_a[k];
      TORCH_CHECK(
          owner.numel() > 0 && moment.sizes() == owner.sizes() && moment.device() == x[k].device(),
          op, ": moments[", 2 * k + j, "] of shape ", moment.sizes(), " on ", moment.device(),
          " does not belong to ", axis[k] == 0 ? "lora_b[" : "lora_a[", k, "] of shape ",
          owner.sizes(), " on ", x[k].device());
      TORCH_CHECK(supported(moment.scalar_type()), op, ": moments[", 2 * k + j, "] is ",
                  moment.scalar_type());
      matrix.moments[j] = axis[k] == 0 ? view(moment, 0, 1) : view(moment, 1, 0);
    }
    matrix.first = first;
    first += matrix.count;
    matrices.push_back(std::move(matrix));
  }
  return matrices;
}

void check_lines(const char* op, const std::vector<SliceMatrix>& matrices, int64_t groups) {
  for (size_t k = 0; k < matrices.size(); ++k) {
    const SliceMatrix& matrix = matrices[k];
    for (int64_t i = 0; i < matrix.count; ++i) {
      TORCH_CHECK(matrix.index[i] >= 0 && matrix.index[i] < matrix.extent, op, ": index[", k, "][",
                  i, "] is ", matrix.index[i], ", x[", k, "] has ", matrix.extent,
                  matrix.axis == 0 ? " rows" : " columns");
      TORCH_CHECK(matrix.group[i] >= 0 && matrix.group[i] < groups, op, ": group[", k, "][", i,
                  "] is ", matrix.group[i], ", there are ", groups, " groups");
    }
  }
}

void check_writable(const char* op, const std::vector<SliceMatrix>& matrices, bool lines) {
  struct Seen {
    size_t matrix;
    std::vector<bool> listed;
  };
  std::unordered_map<const void*, Seen> seen;
  for (size_t k = 0; k < matrices.size(); ++k) {
    const SliceMatrix& matrix = matrices[k];
    TORCH_CHECK(at::has_internal_overlap(matrix.tensor) != at::MemOverlap::Yes, op, ": x[", k,
                "] overlaps itself (it is expanded); clone it first");
    if (matrix.tensor.is_meta()) continue;
    const auto entry = seen.try_emplace(matrix.x.data, Seen{k, {}}).first;
    const SliceMatrix& before = matrices[entry->second.matrix];
    TORCH_CHECK(before.axis == matrix.axis || matrix.count == 0 || before.count == 0, op, ": x[", k,
                "] and x[", entry->second.matrix,
                "] are one matrix on two axes; project its rows and its columns in two calls");
    if (!lines) continue;
    std::vector<bool>& listed = entry->second.listed;
    if (static_cast<int64_t>(listed.size()) < matrix.extent) listed.resize(matrix.extent, false);
    for (int64_t i = 0; i < matrix.count; ++i) {
      TORCH_CHECK(!listed[matrix.index[i]], op, ": index[", k, "][", i, "] lists ",
                  matrix.axis == 0 ? "row " : "column ", matrix.index[i], " of x[", k,
                  "] a second time");
      listed[matrix.index[i]] = true;
    }
  }
}

void mark_written(at::TensorList tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (tensor.numel() > 0 && !tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

}  // namespace lorashear
