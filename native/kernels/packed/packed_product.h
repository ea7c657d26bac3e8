// A product of packed operands, in parts that threads take. Rows are packed once, for all matrices
// that they meet; of the columns each thread packs as many as its L2 holds and multiplies them with
// all rows. What a sum is made of does not depend on who makes it.
#pragma once

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "kernels/packed/engine.h"
#include "kernels/rows.h"
#include "kernels/tiles.h"

namespace lorashear::packed {

// Packed rows of x.
constexpr int64_t kLeftBytes = 20 << 20;
// Rows that a thread packs at once.
constexpr int64_t kRowsAtOnce = 128;
// Fewest rows that a packed column is used for, where there are more.
constexpr int64_t kRowsOfPart = 256;

// Panels of so many rows or columns each.
constexpr int64_t panels(int64_t count, int64_t side) {
  return (count + side - 1) / side;
}

template <typename Operand>
struct Packed {
  LaneBuffer memory;
  int64_t size;  // elements of a panel

  Packed(int64_t count, int64_t elements)
      : memory(count * elements * static_cast<int64_t>(sizeof(Operand)) / 4), size(elements) {}
  Operand* at(int64_t panel) const {
    return reinterpret_cast<Operand*>(memory.data()) + panel * size;
  }
};

inline Strided<const float> strided(const at::Tensor& matrix) {
  return {matrix.const_data_ptr<float>(), matrix.stride(0), matrix.stride(1)};
}

// Rows x that take part in every sum, and their low-rank coefficients h = scale x A^T, computed as
// they are packed: for each target's term, or for the only one.
template <typename Engine>
struct Source {
  using T = typename Engine::Type;
  using Operand = typename Engine::Operand;
  at::Tensor rows, h;  // (rows, k), and (rows, all ranks) in float32
  std::vector<int64_t> ranks;
  float scale;
  Packed<Operand> basis;

  // a (r, k) in float32; without one there is no term.
  Source(const at::Tensor& x, const std::vector<at::Tensor>& a, double factor)
      : rows(x), scale(static_cast<float>(factor)), basis(0, 0) {
    for (const at::Tensor& one : a) ranks.push_back(one.size(0));
    if (a.empty()) return;
    const at::Tensor all = a.size() == 1 ? a[0] : at::cat(a);
    const int64_t r = all.size(0), k = all.size(1);
    h = at::empty({x.size(0), r}, all.options());
    basis = Packed<Operand>(1, Engine::basis_size(r, k));
    Engine::pack_basis(strided(all), r, k, basis.at(0));
  }

  int64_t k() const { return rows.size(1); }
  int64_t steps() const { return (k() + Engine::kDepth - 1) / Engine::kDepth; }
  int64_t size_of_terms() const {
    int64_t size = 0;
    for (const int64_t r : ranks) size += Engine::left_term(r);
    return size;
  }

  // The panel of rows from `row` on, and those of its terms, where there is place for them.
  void pack(int64_t row, Operand* to, Operand* terms) const {
    const int64_t count = std::min(Engine::kRows, rows.size(0) - row), stride = rows.stride(0);
    Engine::pack_left(rows.const_data_ptr<T>() + row * stride, stride, count, k(), to);
    if (ranks.empty()) return;
    const int64_t all = h.size(1);
    float* of_term = h.mutable_data_ptr<float>() + row * all;
    Engine::low_rank(to, steps(), basis.at(0), all, scale, count, of_term);
    for (size_t i = 0; terms && i < ranks.size(); of_term += ranks[i++]) {
      Engine::pack_left_term(of_term, all, count, ranks[i], terms);
      terms += Engine::left_term(ranks[i]);
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
template <typename Engine>
struct Product {
  using T = typename Engine::Type;
  using Operand = typename Engine::Operand;
  static constexpr int64_t kRows = Engine::kRows, kColumns = Engine::kColumns;

  std::vector<Source<Engine>> sources;
  std::vector<Target> targets;

  int64_t rows() const { return sources[0].rows.size(0); }

  int64_t steps() const {
    int64_t count = 0;
    for (const Source<Engine>& source : sources) count += source.steps();
    return count;
  }

  // How many times sums are added to y.
  int64_t times() const { return (steps() + Engine::kMostSteps - 1) / Engine::kMostSteps; }
  int64_t steps_at_once() const { return (steps() + times() - 1) / times(); }

  // The ranks of a target's terms.
  std::vector<int64_t> ranks_of(size_t target) const {
    std::vector<int64_t> ranks;
    for (const at::Tensor& factor : targets[target].factor) ranks.push_back(factor.size(1));
    return ranks;
  }

  // Elements of the terms of a target's columns.
  int64_t terms_of(size_t target) const {
    int64_t size = 0;
    for (const int64_t r : ranks_of(target)) size += Engine::right_term(r);
    return size;
  }

  // Where the terms of a target begin among those of all rows.
  int64_t terms_before(size_t target) const {
    int64_t size = 0;
    for (size_t i = 0; sources.size() == 1 && i < target; ++i) {
      for (const int64_t r : ranks_of(i)) size += Engine::left_term(r);
    }
    return size;
  }

  void pack_rows(int64_t row, Operand* to) const {
    Operand* terms = to + Engine::left_size(steps());
    for (const Source<Engine>& source : sources) {
      source.pack(row, to, terms);
      to += Engine::left_size(source.steps());
      terms += source.size_of_terms();
    }
  }

  // Steps begin ... end - 1 of some columns.
  void pack_columns(const Target& target, int64_t column, int64_t count, int64_t begin, int64_t end,
                    const Packed<Operand>& to) const {
    int64_t step = 0;
    for (size_t s = 0; s < sources.size(); step += sources[s++].steps()) {
      const int64_t from = std::max(begin - step, int64_t{0}),
                    until = std::min(end - step, sources[s].steps());
      if (from >= until) continue;
      const at::Tensor& weight = target.weight[s];
      const int64_t first = from * Engine::kDepth, row = weight.stride(0),
                    element = weight.stride(1);
      Engine::pack_right(
          {weight.const_data_ptr<T>() + column * row + first * element, row, element}, count,
          std::min(sources[s].k(), until * Engine::kDepth) - first,
          to.at(0) + Engine::right_size(step + from - begin), to.size);
    }
  }

  void pack_terms(const Target& target, int64_t column, int64_t count, const Packed<Operand>& to,
                  int64_t at) const {
    for (const at::Tensor& matrix : target.factor) {
      const Strided<const float> factor = strided(matrix);
      const int64_t r = matrix.size(1);
      for (int64_t i = 0; i < count; i += kColumns)
        Engine::pack_right_term(
            {factor.data + (column + i) * factor.row, factor.row, factor.column},
            std::min(kColumns, count - i), r, to.at(i / kColumns) + at);
      at += Engine::right_term(r);
    }
  }

  // y of some rows, packed in `left` from a panel on, and a group of columns.
  void multiply(const Group& group, const Packed<Operand>& left, int64_t panel, int64_t row,
                int64_t count) const {
    const Target& target = targets[group.target];
    const int64_t all = steps(), outputs = target.y.size(1), of_terms = terms_of(group.target);
    const Packed<Operand> right(panels(group.count, kColumns),
                                Engine::right_size(steps_at_once()) + of_terms);
    Sums<T> sums{target.y.mutable_data_ptr<T>() + row * outputs + group.column,
                 outputs,
                 count,
                 group.count,
                 target.bias.defined() ? target.bias.const_data_ptr<T>() + group.column : nullptr,
                 /*add=*/false};
    Depth depth{0, {}, {}};
    for (const Source<Engine>& source : sources) depth.of_sources.push_back(source.steps());
    for (int64_t i = 0; i < times(); ++i) {
      const int64_t begin = all * i / times(), end = all * (i + 1) / times();
      const int64_t behind = Engine::right_size(end - begin);
      pack_columns(target, group.column, group.count, begin, end, right);
      depth.steps = end - begin;
      if (end == all) {
        pack_terms(target, group.column, group.count, right, behind);
        depth.ranks = ranks_of(group.target);
      }
      const int64_t terms = Engine::left_size(end - begin) + terms_before(group.target);
      Engine::multiply({left.at(panel) + Engine::left_size(begin), left.size, terms},
                       {right.at(0), right.size, behind}, depth, sums);
      sums.bias = nullptr;
      sums.add = true;
    }
  }

  std::vector<Group> groups() const {
    std::vector<Group> result;
    for (size_t t = 0; t < targets.size(); ++t) {
      const int64_t outputs = targets[t].y.size(1), wide = panels(outputs, kColumns);
      const int64_t size = Engine::right_size(steps_at_once()) + terms_of(t);
      const int64_t fit = std::max<int64_t>(1, Engine::kRightElements / size);
      const int64_t count = std::min(wide, ceil_to((wide + fit - 1) / fit, at::get_num_threads()));
      for (int64_t i = 0; i < count; ++i) {
        const int64_t begin = i * wide / count * kColumns, end = (i + 1) * wide / count * kColumns;
        result.push_back({t, begin, std::min(outputs, end) - begin});
      }
    }
    return result;
  }

  void run() const {
    int64_t size = Engine::left_size(steps());
    for (const Source<Engine>& source : sources) size += source.size_of_terms();
    const int64_t height =
        std::min(panels(rows(), kRows),
                 std::max<int64_t>(kRowsOfPart / kRows,
                                   kLeftBytes / (size * static_cast<int64_t>(sizeof(Operand)))));
    const Packed<Operand> left(height, size);
    const std::vector<Group> parts = groups();
    const auto count = static_cast<int64_t>(parts.size());
    for (int64_t row = 0; row < rows(); row += height * kRows) {
      const int64_t at_hand = std::min(height * kRows, rows() - row);
      constexpr int64_t at_once = kRowsAtOnce / kRows;
      each((panels(at_hand, kRows) + at_once - 1) / at_once, [&](int64_t part) {
        const int64_t end = std::min(panels(at_hand, kRows), (part + 1) * at_once);
        for (int64_t i = part * at_once; i < end; ++i) pack_rows(row + i * kRows, left.at(i));
      });
      // Few columns are packed by several threads, each for rows of its own.
      const int64_t tasks = int64_t{2} * at::get_num_threads();
      const int64_t shares = std::clamp<int64_t>((tasks + count - 1) / count, 1,
                                                 std::max<int64_t>(1, at_hand / kRowsOfPart));
      const int64_t share = (panels(at_hand, kRows) + shares - 1) / shares;
      each(count * shares, [&](int64_t part) {
        const int64_t first = part % shares * share, before = first * kRows;
        if (before >= at_hand) return;
        multiply(parts[part / shares], left, first, row + before,
                 std::min(share * kRows, at_hand - before));
      });
    }
  }
};

}  // namespace lorashear::packed
