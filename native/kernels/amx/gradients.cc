// Each x is read once for all coefficients that it meets, and threads take columns of any of them.
#include "kernels/amx/gradients.h"

#include "kernels/amx/gradient.h"
#include "kernels/packed/packed_product.h"

namespace lorashear::amx {
namespace {

using packed::strided;

struct Gradient {
  at::Tensor x;
  std::vector<at::Tensor> coefficients;
  std::vector<Part> parts;
  int64_t ranks;
  LaneBuffer packed;

  int64_t tasks() const { return ranks > 0 ? (x.size(1) + kColumns - 1) / kColumns : 0; }
};

Gradient prepared(const Outer& given, std::vector<at::Tensor>& results) {
  Gradient one{rows_of(given.x), {}, {}, 0, {}};
  const int64_t rows = one.x.size(0), n = one.x.size(1);
  for (const at::Tensor& coefficients : given.coefficients) {
    one.coefficients.push_back(coefficients.to(at::kFloat));
    const int64_t r = coefficients.size(1);
    const at::TensorOptions options = coefficients.options().dtype(at::kFloat);
    results.push_back(at::empty({given.transposed ? n : r, given.transposed ? r : n}, options));
    const at::Tensor to = given.transposed ? results.back().t() : results.back();
    one.parts.push_back(
        {{r, one.ranks, 0}, {to.mutable_data_ptr<float>(), to.stride(0), to.stride(1)}});
    one.ranks += r;
  }
  for (Part& part : one.parts) part.ranks.all = one.ranks;
  const int64_t size = ceil_to(rows, kDepth) * basis_width(one.ranks) / 2;
  one.packed = LaneBuffer(size);
  std::fill_n(one.packed.data(), size, 0.0f);
  return one;
}

template <typename T>
void write_gradients(const std::vector<Outer>& list, std::vector<at::Tensor>& results) {
  std::vector<Gradient> all;
  std::vector<std::pair<size_t, int64_t>> packs, tasks;
  for (size_t i = 0; i < list.size(); ++i) {
    all.push_back(prepared(list[i], results));
    const auto count = static_cast<int64_t>(all[i].parts.size());
    for (int64_t j = 0; j < count; ++j) packs.emplace_back(i, j);
    for (int64_t j = 0; j < all[i].tasks(); ++j) tasks.emplace_back(i, j);
  }
  each(static_cast<int64_t>(packs.size()), [&](int64_t place) {
    const auto [i, part] = packs[place];
    const Gradient& one = all[i];
    pack_coefficients<T>(strided(one.coefficients[part]), one.x.size(0), one.parts[part].ranks,
                         one.packed.data());
  });
  each(static_cast<int64_t>(tasks.size()), [&](int64_t place) {
    const auto [i, task] = tasks[place];
    const Gradient& one = all[i];
    low_rank_gradient(one.x.const_data_ptr<T>(), one.x.stride(0), one.x.size(0), one.x.size(1),
                      one.packed.data(), one.ranks, task * kColumns, one.parts);
  });
}

}  // namespace

std::vector<at::Tensor> low_rank_gradients(const std::vector<Outer>& list) {
  std::vector<at::Tensor> results;
  with_row_type(list[0].x.scalar_type(), [&]<typename T>() {
    if constexpr (kCompiled && !std::is_same_v<T, c10::Half>) write_gradients<T>(list, results);
  });
  return results;
}

}  // namespace lorashear::amx
