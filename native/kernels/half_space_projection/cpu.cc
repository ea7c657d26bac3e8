// The half-space projection on CPU: groups that fit into a core's cache are measured and stepped
// while they lie there (one read and one write of memory), larger groups and strided slices in two
// passes.
#include <ATen/Functions.h>

#include <algorithm>

#include "kernels/half_space_projection/op.h"
#include "kernels/half_space_projection/step.h"
#include "kernels/tiles.h"

namespace lorashear {
namespace {

constexpr int64_t kBatchBytes =
    64 << 10;  // consecutive groups worked on together, so that rows of one
               // matrix lie beside each other in a tile and share its basis
constexpr int64_t kCachedBytes =
    640 << 10;  // largest group that is worked on alone in a 1 MiB L2 cache

constexpr int64_t kScratchFloats = 48 << 10;  // largest batch whose u is kept between the passes

// Which tiles are done when. Depends only on the arguments, never on the number of threads, so that
// every sum is added in one order.
struct Plan {
  std::vector<int64_t> batch_groups;  // batch b owns groups [batch_groups[b], batch_groups[b + 1])
  std::vector<int64_t> batch_tiles;   // and cached tiles [batch_tiles[b], batch_tiles[b + 1])
  std::vector<Tile> cached;    // contiguous slices of groups that fit, by batch, in list order
  std::vector<Tile> streamed;  // all others, in list order
};

Plan make_plan(const std::vector<SliceMatrix>& matrices, int64_t groups) {
  std::vector<int64_t> bytes(groups, 0);
  for (const SliceMatrix& matrix : matrices) {
    if (!is_contiguous_slice(matrix)) continue;
    const int64_t slice = matrix.length * static_cast<int64_t>(c10::elementSize(matrix.x.type));
    for (int64_t i = 0; i < matrix.count; ++i) bytes[matrix.group[i]] += slice;
  }
  Plan plan;
  std::vector<int64_t> batch_of(groups);
  int64_t filled = 0;
  for (int64_t g = 0; g < groups; ++g) {
    if (g == 0 || filled + bytes[g] > kBatchBytes) {
      plan.batch_groups.push_back(g);
      filled = 0;
    }
    filled += bytes[g];
    batch_of[g] = static_cast<int64_t>(plan.batch_groups.size()) - 1;
  }
  const int64_t batches = static_cast<int64_t>(plan.batch_groups.size());
  plan.batch_groups.push_back(groups);

  std::vector<std::pair<int64_t, Tile>> cached;
  plan.batch_tiles.assign(batches + 1, 0);
  for (size_t m = 0; m < matrices.size(); ++m) {
    const SliceMatrix& matrix = matrices[m];
    const auto is_cached = [&](int64_t i) {
      return is_contiguous_slice(matrix) && bytes[matrix.group[i]] <= kCachedBytes;
    };
    for (int64_t i = 0; i < matrix.count;) {
      const int64_t start = i++;
      const bool fits = is_cached(start);
      const int64_t batch = batch_of[matrix.group[start]];
      while (i < matrix.count && is_cached(i) == fits &&
             (fits ? batch_of[matrix.group[i]] == batch : i - start < kTileSlices)) {
        ++i;
      }
      const Tile tile{static_cast<int64_t>(m), start, i - start};
      if (fits) {
        cached.emplace_back(batch, tile);
        ++plan.batch_tiles[batch + 1];
      } else {
        plan.streamed.push_back(tile);
      }
    }
  }
  for (int64_t b = 0; b < batches; ++b) plan.batch_tiles[b + 1] += plan.batch_tiles[b];
  std::vector<int64_t> next(plan.batch_tiles.begin(), plan.batch_tiles.end() - 1);
  plan.cached.resize(cached.size());
  for (const auto& [batch, tile] : cached) plan.cached[next[batch]++] = tile;
  return plan;
}

// Room for the u of a batch's tiles, so that it is made once; none where it would not stay in the
// cache.
struct UScratch {
  const Tile* begin;
  std::vector<int64_t> offsets;
  LaneBuffer buffer;

  UScratch(const std::vector<SliceMatrix>& matrices, const Tile* first, const Tile* last)
      : begin(first) {
    int64_t floats = 0;
    for (const Tile* tile = first; tile < last; ++tile) {
      offsets.push_back(floats);
      floats += room_for(matrices[tile->matrix], *tile);
    }
    if (floats > 0 && floats <= kScratchFloats) buffer = LaneBuffer(floats);
  }
  float* of(const Tile* tile) const {
    return buffer.data() ? buffer.data() + offsets[tile - begin] : nullptr;
  }
};

struct Projection {
  const std::vector<SliceMatrix>& matrices;
  PackedBases bases;
  int64_t remaining;
  const float* pull;
  double epsilon;
  std::vector<SliceSums> sums;       // per slice
  std::vector<SliceStep> steps;      // per slice
  std::vector<uint8_t> nonzero;      // per slice
  std::vector<SliceSums> totals;     // per group
  std::vector<GroupStep> decisions;  // per group
  std::vector<uint8_t> kept;         // per group

  int64_t place(const Tile& tile) const { return matrices[tile.matrix].first + tile.start; }
  const int64_t* groups_of(const Tile& tile) const {
    return matrices[tile.matrix].group + tile.start;
  }

  void measure_tile(const Tile& tile, float* u) {
    measure(matrices, bases, tile, /*energy=*/false, u, sums.data() + place(tile));
  }

  void add_totals(const Tile& tile) {
    for (int64_t i = 0; i < tile.count; ++i) {
      SliceSums& total = totals[groups_of(tile)[i]];
      total.xx += sums[place(tile) + i].xx;
      total.xu += sums[place(tile) + i].xu;
    }
  }

  void decide(int64_t g) {
    decisions[g] = group_step(totals[g].xx, totals[g].xu, remaining, pull ? pull[g] : -1, epsilon);
  }

  void apply_tile(const Tile& tile, float* u) {
    for (int64_t i = 0; i < tile.count; ++i) {
      const GroupStep& decision = decisions[groups_of(tile)[i]];
      steps[place(tile) + i] = {static_cast<float>(decision.keep), decision.zero};
    }
    apply(matrices, bases, tile, u, steps.data() + place(tile), nonzero.data() + place(tile));
  }

  void note_kept(const Tile& tile) {
    for (int64_t i = 0; i < tile.count; ++i) {
      kept[groups_of(tile)[i]] |= nonzero[place(tile) + i];
    }
  }
};

}  // namespace

at::Tensor half_space_projection_cpu(LORASHEAR_PROJECTION_PARAMETERS) {
  const char* op = "half_space_projection";
  const auto is_double = [](const at::Tensor& t) { return t.scalar_type() == at::kDouble; };
  if (std::any_of(x.begin(), x.end(), is_double)) {
    return half_space_projection_reference(x, lora_b, lora_a, moments, index, group, axis, scale,
                                           groups, remaining, pull, epsilon);
  }
  check_projection(op, groups, remaining, pull, epsilon, x);
  const auto matrices = read_slices(op, x, lora_b, lora_a, moments, index, group, axis, groups);
  check_lines(op, matrices, groups);
  check_writable(op, matrices, true);

  const Plan plan = make_plan(matrices, groups);
  const size_t slices = slice_total(matrices);
  Projection run{matrices,
                 PackedBases(matrices, scale),
                 remaining,
                 pull ? pull->const_data_ptr<float>() : nullptr,
                 epsilon,
                 std::vector<SliceSums>(slices),
                 std::vector<SliceStep>(slices),
                 std::vector<uint8_t>(slices),
                 std::vector<SliceSums>(groups),
                 std::vector<GroupStep>(groups),
                 std::vector<uint8_t>(groups)};

  const int64_t streamed = static_cast<int64_t>(plan.streamed.size());
  each(streamed, [&](int64_t i) { run.measure_tile(plan.streamed[i], nullptr); });
  for (const Tile& tile : plan.streamed) run.add_totals(tile);
  each(static_cast<int64_t>(plan.batch_groups.size()) - 1, [&](int64_t b) {
    const Tile* begin = plan.cached.data() + plan.batch_tiles[b];
    const Tile* end = plan.cached.data() + plan.batch_tiles[b + 1];
    const UScratch scratch(matrices, begin, end);
    for (const Tile* tile = begin; tile < end; ++tile) run.measure_tile(*tile, scratch.of(tile));
    for (const Tile* tile = begin; tile < end; ++tile) run.add_totals(*tile);
    for (int64_t g = plan.batch_groups[b]; g < plan.batch_groups[b + 1]; ++g) run.decide(g);
    for (const Tile* tile = begin; tile < end; ++tile) run.apply_tile(*tile, scratch.of(tile));
    for (const Tile* tile = begin; tile < end; ++tile) run.note_kept(*tile);
  });
  each(streamed, [&](int64_t i) { run.apply_tile(plan.streamed[i], nullptr); });
  for (const Tile& tile : plan.streamed) run.note_kept(tile);

  mark_written(x);
  mark_written(lora_b);
  mark_written(lora_a);
  mark_written(moments);
  at::Tensor result = at::empty({groups, 2}, at::kFloat);
  float* rows = result.mutable_data_ptr<float>();
  for (int64_t g = 0; g < groups; ++g) {
    rows[2 * g] = static_cast<float>(run.decisions[g].norm);
    rows[2 * g + 1] = run.kept[g] ? 0.0f : 1.0f;
  }
  return result;
}

}  // namespace lorashear
