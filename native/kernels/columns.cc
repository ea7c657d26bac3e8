// Which cache lines the columns of a tile lie in, and what the loop over their rows needs to know
// of each lane.
#include <ATen/Dispatch.h>

#include <algorithm>

#include "kernels/tiles.h"

namespace lorashear {
namespace {

// Blocks of kLanes columns in a tile. At rank 8 what is known of 32 of them takes 22 KiB of L1, and
// each row gives 2 KiB of fp32 at a time, enough for the memory's pages.
constexpr size_t kBlocks = 32;
constexpr int64_t kRows = 128;  // summed in float32 before they go to double
constexpr int64_t kAhead = 8;   // how many rows before the work memory is fetched

struct Blocks {
  std::vector<int64_t> offset;
  std::vector<uint32_t> chosen;
  std::vector<int64_t> place;  // of each column added: block * kLanes + lane

  // False, and nothing is added, if the column needs a block more than a tile may have.
  bool add(int64_t column) {
    const int64_t lane = column % kLanes;
    // In a sorted list it is the last block, or a new one.
    const auto found = std::find(offset.rbegin(), offset.rend(), column - lane);
    const size_t block = found == offset.rend() ? offset.size() : offset.rend() - found - 1;
    if (block == kBlocks) return false;
    if (block == offset.size()) {
      offset.push_back(column - lane);
      chosen.push_back(0);
    }
    chosen[block] |= 1u << lane;
    place.push_back(static_cast<int64_t>(block) * kLanes + lane);
    return true;
  }
};

}  // namespace

int64_t columns_from(const SliceMatrix& matrix, int64_t start) {
  Blocks blocks;
  int64_t end = start;
  while (end < matrix.count && blocks.add(matrix.index[end])) ++end;
  return end - start;
}

void walk_columns(const SliceMatrix& matrix, const PackedBases& bases, const Tile& tile,
                  const float* keep, SliceSums* sums, uint8_t* nonzero) {
  const int64_t* index = matrix.index + tile.start;
  Blocks blocks;
  for (int64_t i = 0; i < tile.count; ++i) blocks.add(index[i]);
  const auto lanes = static_cast<int64_t>(blocks.offset.size()) * kLanes;
  const int64_t rank = bases.rank(tile.matrix);

  const LaneBuffer floats(lanes * (rank + 3));
  std::fill_n(floats.data(), lanes * (rank + 3), 0.0f);
  float* basis = floats.data();
  float* keeps = basis + lanes * rank;
  float* xx = keeps + lanes;
  float* xu = xx + lanes;
  std::vector<double> totals(sums ? 2 * lanes : 0, 0.0);
  std::vector<uint32_t> left(lanes, 0);
  std::vector<float> carrier(rank);
  for (int64_t i = 0; i < tile.count; ++i) {
    const int64_t place = blocks.place[i];
    if (keep) keeps[place] = keep[i];
    if (rank == 0) continue;
    read_factor(matrix.carrier, index + i, 1, matrix.rank, bases.scale(), 0, carrier.data());
    float* lane = basis + place / kLanes * kLanes * rank + place % kLanes;
    for (int64_t k = 0; k < matrix.rank; ++k) lane[k * kLanes] = carrier[k];
  }

  LORASHEAR_DISPATCH_STORAGE(matrix.x.type, [&] {
    Columns<scalar_t> columns{};
    columns.x = static_cast<scalar_t*>(matrix.x.data);
    columns.stride = matrix.x.inner;
    columns.rows = matrix.length;
    columns.width = matrix.extent;
    columns.ahead = kAhead;
    columns.blocks = lanes / kLanes;
    columns.offset = blocks.offset.data();
    columns.chosen = blocks.chosen.data();
    columns.coefficients = bases.data(tile.matrix);
    columns.basis = basis;
    columns.rank = rank;
    columns.keep = keep ? keeps : nullptr;
    columns.xx = sums ? xx : nullptr;
    columns.xu = xu;
    columns.nonzero = left.data();
    for (int64_t row = 0; row < matrix.length; row += kRows) {
      columns.first = row;
      columns.last = std::min(row + kRows, matrix.length);
      line_loops<scalar_t>().walk(columns);
      for (int64_t e = 0; sums && e < 2 * lanes; ++e) {
        totals[e] += static_cast<double>(xx[e]);
        xx[e] = 0.0f;
      }
    }
  });
  for (int64_t i = 0; i < tile.count; ++i) {
    const int64_t place = blocks.place[i];
    if (sums) sums[i] = {totals[place], totals[lanes + place]};
    if (keep) nonzero[i] = left[place] != 0;
  }
}

}  // namespace lorashear
