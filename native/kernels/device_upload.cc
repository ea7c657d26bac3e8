// One upload of descriptors and one stable sort for each call; nothing waits for the device.
#ifdef LORASHEAR_CUDA

#include "kernels/device_upload.h"

#include <ATen/Functions.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>

#include "kernels/device_kernels.h"

namespace lorashear {
namespace {

constexpr int64_t kLargestRank = 256;  // coefficients of 32 slices in 32 KiB of shared memory

DeviceFactor device_factor(const char* op, const Factor& factor) {
  if (!factor.present()) return {nullptr, 0, 0, Storage::kFloat};
  return {factor.data, factor.outer, factor.inner, storage_of(op, factor.type)};
}

bool is_wide(const SliceMatrix& matrix) {
  const int64_t bytes = 4 * static_cast<int64_t>(c10::elementSize(matrix.x.type));
  return matrix.x.inner == 1 && matrix.length % 4 == 0 && matrix.x.outer % 4 == 0 &&
         reinterpret_cast<uintptr_t>(matrix.x.data) % bytes == 0;
}

}  // namespace

DeviceCall upload(const char* op, const std::vector<SliceMatrix>& matrices, at::TensorList group,
                  double scale, int64_t groups) {
  const at::Tensor& first = matrices[0].tensor;
  const auto options = first.options();
  const int64_t total = slice_total(matrices);
  TORCH_CHECK(matrices.size() <= 65535, op, ": ", matrices.size(), " matrices in one call");

  int64_t packed = 0;
  for (const SliceMatrix& matrix : matrices) packed += matrix.rank * ((matrix.length + 3) / 4 * 4);
  DeviceCall call{};
  const at::Tensor bases = at::empty({scale == 0 ? 0 : packed}, options.dtype(at::kFloat));
  const at::Tensor sums = at::empty({total, 3}, options.dtype(at::kDouble));

  // Pinned, so that the copy is asynchronous; libtorch keeps pinned memory until the copy has run.
  const int64_t bytes = static_cast<int64_t>(matrices.size() * sizeof(DeviceMatrix));
  const at::Tensor host =
      at::empty({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(true));
  auto* table = reinterpret_cast<DeviceMatrix*>(host.mutable_data_ptr());
  DeviceSlices& slices = call.slices;
  float* next = scale == 0 ? nullptr : bases.mutable_data_ptr<float>();
  for (size_t m = 0; m < matrices.size(); ++m) {
    const SliceMatrix& matrix = matrices[m];
    TORCH_CHECK(matrix.x.type == matrices[0].x.type, op, ": x[", m, "] is ", matrix.x.type,
                ", x[0] ", matrices[0].x.type, "; on CUDA all matrices of a call have one dtype");
    TORCH_CHECK(matrix.rank <= kLargestRank, op, ": rank ", matrix.rank, " of matrix ", m,
                " is above ", kLargestRank);
    DeviceMatrix& entry = table[m];
    entry.x = device_factor(op, matrix.x);
    entry.carrier = device_factor(op, matrix.carrier);
    entry.basis = device_factor(op, matrix.basis);
    for (int j = 0; j < 2; ++j) entry.moments[j] = device_factor(op, matrix.moments[j]);
    entry.packed = next && matrix.rank > 0 ? next : nullptr;
    if (entry.packed) next += matrix.rank * ((matrix.length + 3) / 4 * 4);
    entry.index = matrix.index;
    entry.group = matrix.group;
    entry.extent = matrix.extent;
    entry.length = matrix.length;
    entry.count = matrix.count;
    entry.first = matrix.first;
    entry.first_tile = slices.tiles;
    entry.rank = static_cast<int>(matrix.rank);
    entry.rows = matrix.x.inner == 1 && matrix.length > 1;
    entry.wide = entry.rows && is_wide(matrix);
    const int64_t unit = entry.rows ? kRowTile : kColumnTile;
    slices.tiles += (matrix.count + unit - 1) / unit;
    slices.rank = std::max(slices.rank, entry.rank);
  }
  const at::Tensor device_table = host.to(first.device(), /*non_blocking=*/true);

  // Slices by group, list order kept inside a group: the order of every sum.
  const at::Tensor all = group.size() == 1 ? group[0] : at::cat(group);
  const auto [sorted, order] = at::sort(all, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const at::Tensor offsets = at::searchsorted(sorted, at::arange(groups + 1, all.options()));

  slices.matrices = static_cast<const DeviceMatrix*>(device_table.const_data_ptr());
  slices.count = static_cast<int>(matrices.size());
  slices.groups = groups;
  slices.storage = storage_of(op, matrices[0].x.type);
  slices.scale = static_cast<float>(scale);
  slices.sums = sums.mutable_data_ptr<double>();
  slices.order = order.const_data_ptr<int64_t>();
  slices.offsets = offsets.const_data_ptr<int64_t>();
  slices.stream = c10::cuda::getCurrentCUDAStream(first.device().index()).stream();
  call.memory = {bases, sums, host, device_table, order, offsets};
  return call;
}

}  // namespace lorashear

#endif
