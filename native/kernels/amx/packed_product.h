// A product of packed operands, in parts that threads take. Rows are packed once, for all matrices
// that they meet; of the columns each thread packs as many as its L2 holds and multiplies them with
// all rows. What a sum is made of does not depend on who makes it.
#pragma once

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "kernels/amx/multiply.h"
#include "kernels/rows.h"

namespace lorashear::amx {

// Packed rows of x, and packed columns that a thread keeps in L2 for a while.
constexpr int64_t kLeftBytes = 20 << 20;
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

inline Strided<const float> strided(const at::Tensor& matrix) {
  return {matrix.const_data_ptr<float>(), matrix.stride(0), matrix.stride(1)};
}

// fn<T>() for the types that there are products of.
template <typename Fn>
void with_type(const at::Tensor& x, const Fn& fn) {
  with_row_type(x.scalar_type(), [&]<typename T>() {
    if constexpr (kCompiled && !std::is_same_v<T, c10::Half>) fn.template operator()<T>();
  });
}

// Rows x that take part in every sum, and their low-rank coefficients h = scale x A^T, computed as
// they are packed: for each target's term, or for the only one.
template <typename T>
struct Source {
  at::Tensor rows, h;  // (rows, k), and (rows, all ranks) in float32
  std::vector<int64_t> ranks;
  float scale;
  Packed basis;

  // a (r, k) in float32; without one there is no term.
  Source(const at::Tensor& x, const std::vector<at::Tensor>& a, double factor)
      : rows(x), scale(static_cast<float>(factor)), basis(0, 0) {
    for (const at::Tensor& one : a) ranks.push_back(one.size(0));
    if (a.empty()) return;
    const at::Tensor all = a.size() == 1 ? a[0] : at::cat(a);
    const int64_t r = all.size(0), k = all.size(1);
    h = at::empty({x.size(0), r}, all.options());
    basis = Packed(1, steps() * kDepth * basis_width(r));
    pack_basis<T>(strided(all), r, k, basis.at(0));
  }

  int64_t k() const { return rows.size(1); }
  int64_t steps() const { return steps_of(k()); }
  int64_t size_of_terms() const {
    int64_t size = 0;
    for (const int64_t r : ranks) size += term_size<T>(r);
    return size;
  }

  // The panel of 32 rows from `row` on, and those of its terms, where there is place for them.
  void pack(int64_t row, BFloat16* to, BFloat16* terms) const {
    const int64_t count = std::min(kSide, rows.size(0) - row), stride = rows.stride(0);
    pack_left(rows.const_data_ptr<T>() + row * stride, stride, count, k(), to);
    if (ranks.empty()) return;
    const int64_t all = h.size(1);
    float* of_term = h.mutable_data_ptr<float>() + row * all;
    low_rank<T>(to, steps(), basis.at(0), all, scale, count, of_term);
    for (size_t i = 0; terms && i < ranks.size(); of_term += ranks[i++]) {
      pack_left_term<T>(of_term, all, count, ranks[i], terms);
      terms += term_size<T>(ranks[i]);
    }
  }
};

// y = the sum over the sources of x W^T + h B^T, + bias.
struct Target {
  at::Tensor y;
  at::Tensor bias;                         // or undefined
  std::vector<at::Tensor> weight, factor;  // for each source; no factors where there are no terms
};

// Columns of a target that a thread takes together.
struct Group {
  size_t target;
  int64_t column, count;
};

// Left panels have the steps of all sources and then their terms. Each target has terms of its own,
// where there is one source, or all.
template <typename T>
struct Product {
  std::vector<Source<T>> sources;
  std::vector<Target> targets;

  int64_t rows() const { return sources[0].rows.size(0); }

  int64_t steps() const {
    int64_t count = 0;
    for (const Source<T>& source : sources) count += source.steps();
    return count;
  }

  // How many times sums are added to y, which keeps no others than float32.
  int64_t times() const { return std::is_same_v<T, float> ? (steps() + kSteps - 1) / kSteps : 1; }
  int64_t steps_at_once() const { return (steps() + times() - 1) / times(); }

  int64_t terms_of(size_t target) const {
    int64_t size = 0;
    for (const at::Tensor& factor : targets[target].factor) size += term_size<T>(factor.size(1));
    return size;
  }

  // Where the terms of a target begin among all.
  int64_t terms_before(size_t target) const {
    int64_t size = 0;
    for (size_t i = 0; sources.size() == 1 && i < target; ++i) size += terms_of(i);
    return size;
  }

  void pack_rows(int64_t row, BFloat16* to) const {
    BFloat16* terms = to + panel_size<T>(steps());
    for (const Source<T>& source : sources) {
      source.pack(row, to, terms);
      to += panel_size<T>(source.steps());
      terms += source.size_of_terms();
    }
  }

  // Steps begin ... end - 1 of some columns.
  void pack_columns(const Target& target, int64_t column, int64_t count, int64_t begin, int64_t end,
                    const Packed& to) const {
    int64_t step = 0;
    for (size_t s = 0; s < sources.size(); step += sources[s++].steps()) {
      const int64_t from = std::max(begin - step, int64_t{0}),
                    until = std::min(end - step, sources[s].steps());
      if (from >= until) continue;
      const at::Tensor& weight = target.weight[s];
      const int64_t first = from * kDepth, row = weight.stride(0), element = weight.stride(1);
      pack_right<T>({weight.const_data_ptr<T>() + column * row + first * element, row, element},
                    count, std::min(sources[s].k(), until * kDepth) - first,
                    to.at(0) + panel_size<T>(step + from - begin), to.size);
    }
  }

  void pack_terms(const Target& target, int64_t column, int64_t count, const Packed& to,
                  int64_t at) const {
    for (const at::Tensor& matrix : target.factor) {
      const Strided<const float> factor = strided(matrix);
      const int64_t r = matrix.size(1);
      for (int64_t i = 0; i < count; i += kSide)
        pack_right_term<T>({factor.data + (column + i) * factor.row, factor.row, factor.column},
                           std::min(kSide, count - i), r, to.at(i / kSide) + at);
      at += term_size<T>(r);
    }
  }

  // y of some rows, packed in `left` from a panel on, and a group of columns.
  void multiply(const Group& group, const Packed& left, int64_t panel, int64_t row,
                int64_t count) const {
    const Target& target = targets[group.target];
    const int64_t all = steps(), outputs = target.y.size(1), of_terms = terms_of(group.target);
    const Packed right(panels(group.count), panel_size<T>(steps_at_once()) + of_terms);
    Sums<T> sums{target.y.mutable_data_ptr<T>() + row * outputs + group.column,
                 outputs,
                 count,
                 group.count,
                 target.bias.defined() ? target.bias.const_data_ptr<T>() + group.column : nullptr,
                 /*add=*/false};
    for (int64_t i = 0; i < times(); ++i) {
      const int64_t begin = all * i / times(), end = all * (i + 1) / times();
      const int64_t behind = panel_size<T>(end - begin);
      pack_columns(target, group.column, group.count, begin, end, right);
      if (end == all) pack_terms(target, group.column, group.count, right, behind);
      multiply_panels<T>(
          {left.at(panel) + panel_size<T>(begin), left.size, behind + terms_before(group.target)},
          {right.at(0), right.size, behind},
          {end - begin, end == all ? of_terms / panel_size<BFloat16>(1) : 0}, sums);
      sums.bias = nullptr;
      sums.add = true;
    }
  }

  std::vector<Group> groups() const {
    std::vector<Group> result;
    for (size_t t = 0; t < targets.size(); ++t) {
      const int64_t outputs = targets[t].y.size(1), wide = panels(outputs);
      const int64_t bytes = (panel_size<T>(steps_at_once()) + terms_of(t)) * 2;
      const int64_t fit = std::max<int64_t>(1, kRightBytes / bytes);
      const int64_t count = std::min(wide, ceil_to((wide + fit - 1) / fit, at::get_num_threads()));
      for (int64_t i = 0; i < count; ++i) {
        const int64_t begin = i * wide / count * kSide, end = (i + 1) * wide / count * kSide;
        result.push_back({t, begin, std::min(outputs, end) - begin});
      }
    }
    return result;
  }

  void run() const {
    int64_t size = panel_size<T>(steps());
    for (const Source<T>& source : sources) size += source.size_of_terms();
    const int64_t height = std::min(panels(rows()), std::max<int64_t>(8, kLeftBytes / (size * 2)));
    const Packed left(height, size);
    const std::vector<Group> parts = groups();
    const auto count = static_cast<int64_t>(parts.size());
    for (int64_t row = 0; row < rows(); row += height * kSide) {
      const int64_t at_hand = std::min(height * kSide, rows() - row);
      each((panels(at_hand) + kRowPanels - 1) / kRowPanels, [&](int64_t part) {
        const int64_t end = std::min(panels(at_hand), (part + 1) * kRowPanels);
        for (int64_t i = part * kRowPanels; i < end; ++i) pack_rows(row + i * kSide, left.at(i));
      });
      // Few columns are packed by several threads, each for rows of its own.
      const int64_t tasks = int64_t{2} * at::get_num_threads();
      const int64_t shares = std::clamp<int64_t>((tasks + count - 1) / count, 1,
                                                 std::max<int64_t>(1, at_hand / kRowsOfPart));
      const int64_t share = (panels(at_hand) + shares - 1) / shares;
      each(count * shares, [&](int64_t part) {
        const int64_t first = part % shares * share, before = first * kSide;
        if (before >= at_hand) return;
        multiply(parts[part / shares], left, first, row + before,
                 std::min(share * kSide, at_hand - before));
      });
    }
  }
};

}  // namespace lorashear::amx
