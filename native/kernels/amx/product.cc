// The rows are packed once; of the columns each thread packs as many as its L2 holds and multiplies
// them with all rows. What a sum is made of does not depend on who makes it.
#include "kernels/amx/product.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "kernels/amx/blocks.h"
#include "kernels/rows.h"

namespace lorashear::amx {
namespace {

// Fewest rows for which packing a matrix pays.
constexpr int64_t kFewestRows = 64;
// Packed rows of x, and packed columns that a thread keeps in L2 for a while.
constexpr int64_t kLeftBytes = 12 << 20;
constexpr int64_t kRightBytes = 1024 << 10;
// Most steps of float32 that are added up at once.
constexpr int64_t kSteps = 24;
// Panels of rows that a thread packs at once.
constexpr int64_t kRowPanels = 4;
// Fewest rows that a packed column is used for, where there are more.
constexpr int64_t kRowsOfPart = 256;

constexpr int64_t panels(int64_t count) {
  return (count + kSide - 1) / kSide;
}

struct Packed {
  LaneBuffer memory;
  int64_t size;  // elements of a panel

  Packed(int64_t count, int64_t elements) : memory(count * elements / 2), size(elements) {}
  BFloat16* at(int64_t panel) const {
    return reinterpret_cast<BFloat16*>(memory.data()) + panel * size;
  }
};

Strided<const float> strided(const at::Tensor& matrix) {
  return {matrix.const_data_ptr<float>(), matrix.stride(0), matrix.stride(1)};
}

// A basis, packed for rows of T, and where h goes.
struct Basis {
  int64_t r;
  float scale;
  Packed packed;
  float* h;

  Basis(const at::Tensor& a, double factor, at::ScalarType type, float* to)
      : r(a.size(0)),
        scale(static_cast<float>(factor)),
        packed(1, steps_of(a.size(1)) * kDepth * basis_width(r)),
        h(to) {
    if (type == at::kFloat)
      pack_basis<float>(strided(a), r, a.size(1), packed.at(0));
    else
      pack_basis<BFloat16>(strided(a), r, a.size(1), packed.at(0));
  }
};

template <typename T>
struct Product {
  const T* x;
  int64_t stride, rows, k;
  Strided<const T> weight;
  int64_t outputs;
  const T* bias;  // or null
  T* y;
  const Basis* basis;  // or null: there is no low-rank term
  Strided<const float> factor;

  int64_t own_steps() const { return steps_of(k); }
  int64_t steps() const { return own_steps() + (basis ? term_steps<T>(basis->r) : 0); }

  void pack_rows(int64_t row, BFloat16* to) const {
    const int64_t count = std::min(kSide, rows - row), own = own_steps();
    pack_left(x + row * stride, stride, count, k, to);
    if (!basis) return;
    float* h = basis->h + row * basis->r;
    low_rank<T>(to, own, basis->packed.at(0), basis->r, basis->scale, count, h);
    pack_left_term<T>(h, count, basis->r, to + panel_size<T>(own));
  }

  // Steps begin ... end - 1 of some columns.
  void pack_columns(int64_t column, int64_t count, int64_t begin, int64_t end,
                    const Packed& to) const {
    const int64_t own = std::min(end, own_steps()), first = begin * kDepth;
    const Strided<const T> from{weight.data + column * weight.row + first * weight.column,
                                weight.row, weight.column};
    pack_right(from, count, std::min(k, own * kDepth) - first, to.at(0), to.size);
    for (int64_t i = 0; end > own && i < count; i += kSide) {
      const Strided<const float> of_term{factor.data + (column + i) * factor.row, factor.row,
                                         factor.column};
      pack_right_term<T>(of_term, std::min(kSide, count - i), basis->r,
                         to.at(i / kSide) + panel_size<T>(own - begin));
    }
  }

  // Most steps that are packed and added up at once, the term with the last ones. y keeps sums of
  // float32 only.
  int64_t steps_at_once() const {
    const int64_t all = steps(), term = all - own_steps();
    if (!std::is_same_v<T, float>) return all;
    const int64_t times = (all + kSteps - 1) / kSteps;
    return (all + times - 1) / times + term;
  }

  // y of some rows, packed as `left`, and a group of columns.
  void multiply(const BFloat16* left, int64_t row, int64_t count_rows, int64_t column,
                int64_t count_columns) const {
    const int64_t all = steps(), own = own_steps(), most = steps_at_once();
    const Packed right(panels(count_columns), panel_size<T>(most));
    for (int64_t begin = 0, end; begin < all; begin = end) {
      end = begin + most >= own ? all : begin + most;
      pack_columns(column, count_columns, begin, end, right);
      const T* shift = bias && begin == 0 ? bias + column : nullptr;
      multiply_panels<T>({left + panel_size<T>(begin), panel_size<T>(all)},
                         {right.at(0), right.size}, end - begin,
                         {y + row * outputs + column, outputs, count_rows, count_columns, shift,
                          /*add=*/begin > 0});
    }
  }

  void run() const {
    const int64_t size = panel_size<T>(steps()), bytes = panel_size<T>(steps_at_once()) * 2;
    const int64_t threads = at::get_num_threads(), wide = panels(outputs);
    const int64_t fit = std::max<int64_t>(1, kRightBytes / bytes);
    const int64_t groups = std::min(wide, ceil_to((wide + fit - 1) / fit, threads));
    const int64_t height = std::min(panels(rows), std::max<int64_t>(8, kLeftBytes / (size * 2)));
    const Packed left(height, size);
    for (int64_t row = 0; row < rows; row += height * kSide) {
      const int64_t count = std::min(height * kSide, rows - row);
      each((panels(count) + kRowPanels - 1) / kRowPanels, [&](int64_t part) {
        const int64_t end = std::min(panels(count), (part + 1) * kRowPanels);
        for (int64_t i = part * kRowPanels; i < end; ++i) pack_rows(row + i * kSide, left.at(i));
      });
      // Few columns are packed by several threads, each for rows of its own.
      const int64_t shares = std::clamp<int64_t>((2 * threads + groups - 1) / groups, 1,
                                                 std::max<int64_t>(1, count / kRowsOfPart));
      const int64_t share = (panels(count) + shares - 1) / shares;
      each(groups * shares, [&](int64_t part) {
        const int64_t first = part % shares * share, group = part / shares;
        if (first * kSide >= count) return;
        const int64_t column = group * wide / groups * kSide;
        const int64_t end = std::min(outputs, (group + 1) * wide / groups * kSide);
        multiply(left.at(first), row + first * kSide,
                 std::min(share * kSide, count - first * kSide), column, end - column);
      });
    }
  }
};

at::Tensor rows_of(const at::Tensor& x) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

bool suits_type(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  return (type == at::kFloat || type == at::kBFloat16) && x.dim() > 0 && x.size(-1) > 0 &&
         x.numel() / x.size(-1) >= kFewestRows && available();
}

void run(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
         const std::optional<at::Tensor>& bias, const Basis* basis, const at::Tensor* factor) {
  const at::Tensor from = rows_of(x);
  const at::Tensor shift = bias ? bias->to(x.scalar_type()).contiguous() : at::Tensor();
  with_row_type(x.scalar_type(), [&]<typename T>() {
    if constexpr (kCompiled && !std::is_same_v<T, c10::Half>) {
      const Product<T> product{from.const_data_ptr<T>(),
                               from.stride(0),
                               from.size(0),
                               from.size(1),
                               {weight.const_data_ptr<T>(), weight.stride(0), weight.stride(1)},
                               weight.size(0),
                               shift.defined() ? shift.const_data_ptr<T>() : nullptr,
                               y.mutable_data_ptr<T>(),
                               basis,
                               factor ? strided(*factor) : Strided<const float>{}};
      product.run();
    }
  });
}

at::Tensor result_of(const at::Tensor& x, int64_t outputs) {
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = outputs;
  return at::empty(sizes, x.options());
}

}  // namespace

bool suits(const at::Tensor& x, const at::Tensor& weight) {
  return suits_type(x) && weight.scalar_type() == x.scalar_type() && weight.dim() == 2 &&
         weight.size(1) == x.size(-1) && weight.size(0) > 0 &&
         (weight.stride(0) == 1 || weight.stride(1) == 1);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias) {
  at::Tensor y = result_of(x, weight.size(0));
  run(y, x, weight, bias, nullptr, nullptr);
  return y;
}

void product_out(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  run(y, x, weight, std::nullopt, nullptr, nullptr);
}

std::pair<at::Tensor, at::Tensor> product_with(const Term& term, const at::Tensor& x,
                                               const at::Tensor& weight,
                                               const std::optional<at::Tensor>& bias) {
  const at::Tensor a = term.a.to(at::kFloat), b = term.b.to(at::kFloat);
  at::Tensor y = result_of(x, weight.size(0));
  at::Tensor h = at::empty({x.numel() / x.size(-1), a.size(0)}, x.options().dtype(at::kFloat));
  if constexpr (kCompiled) {
    const Basis basis(a, term.scale, x.scalar_type(), h.mutable_data_ptr<float>());
    run(y, x, weight, bias, &basis, &b);
  }
  return {y, h};
}

at::Tensor low_rank_in(const at::Tensor& x, const at::Tensor& a, double scale) {
  const at::Tensor from = rows_of(x), wide = a.to(at::kFloat);
  const int64_t rows = from.size(0), k = from.size(1), r = wide.size(0);
  at::Tensor h = at::empty({rows, r}, x.options().dtype(at::kFloat));
  with_row_type(x.scalar_type(), [&]<typename T>() {
    if constexpr (kCompiled && !std::is_same_v<T, c10::Half>) {
      const Basis basis(wide, scale, x.scalar_type(), h.mutable_data_ptr<float>());
      const Product<T> product{
          from.const_data_ptr<T>(), from.stride(0), rows, k, {}, 0, nullptr, nullptr, &basis, {}};
      each(panels(rows), [&](int64_t i) {
        const Packed panel(1, panel_size<T>(product.steps()));
        product.pack_rows(i * kSide, panel.at(0));
      });
    }
  });
  return h;
}

}  // namespace lorashear::amx
