// Least-squares reconstruction: what a unit's removal costs after the others made up for it as well as they can
// (optimal brain surgeon in groups; Hassibi & Stork 1993, Kurtic et al. 2023, ZipLM), greedily on calibration inputs.
import type { InputStatistics } from '../calibration/input_statistics.js';
import type { NodeGroup, Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Linear } from '../nn/linear.js';
import { loraDelta } from '../lora/lora.js';
import { noGrad } from '../tensor/autograd.js';
import {
  add,
  add_,
  diagonal,
  div,
  indexSelect,
  matmul,
  mul,
  pow,
  solve,
  sum,
  sumAll,
  to,
  transpose,
} from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';
import { identity, ridge } from './ridge.js';
import { type Saliency, consumersOf, sumByUnit } from './saliency.js';

/** The score of a unit is the reconstruction error accumulated up to its removal, so that order is rank. */
export const reconstruction: Saliency = ({ model, groups, statistics, removed, limits }) => {
  const linears = model.linears();
  return new Map(
    groups.map((group) => {
      const [consumer] = consumersOf(group);
      const linear = consumer && linears.get(consumer.path);
      const moments = consumer && statistics.get(consumer.path);
      if (!linear || !moments) return [group.id, new Float64Array(group.units)];
      const gone = removed.get(group.id) ?? new Set<number>();
      const limit = limits?.get(group.id) ?? group.units - gone.size - 1;
      return [group.id, eliminate(group, consumer.slice, linear, moments, gone, limit)];
    }),
  );
};

function eliminate(
  group: NodeGroup,
  slice: Slice,
  linear: Linear,
  moments: InputStatistics,
  gone: ReadonlySet<number>,
  limit: number,
): Float64Array {
  const { units } = group;
  const scores = new Float64Array(units);
  return noGrad(() =>
    scoped(() => {
      const { matrix: weight, lora } = linear;
      const W = to(lora ? add(weight, loraDelta(lora)) : weight, 'cpu', 'float64'); // (out, n)
      const inverse = solve(ridge(moments), identity(moments.gram.extent(0))); // H⁻¹ (n, n)
      const left = new Set(Array.from({ length: units }, (_, u) => u).filter((u) => !gone.has(u)));
      const features = (u: number): number[] => sliceIndices(slice, units, u);
      let spent = 0;
      for (let step = 0; step < limit && left.size > 1; step++) {
        const costs = scoped(() => removalCosts(W, inverse, slice, units, left, features));
        let best = -1;
        for (const u of left) {
          if (best < 0 || (costs[u] ?? 0) < (costs[best] ?? 0)) best = u;
        }
        spent += Math.max(costs[best] ?? 0, Number.MIN_VALUE);
        scores[best] = spent;
        left.delete(best);
        scoped(() => {
          remove(W, inverse, features(best));
        });
      }
      const costs = scoped(() => removalCosts(W, inverse, slice, units, left, features));
      for (const u of left) scores[u] = spent + (costs[u] ?? 0);
      return scores;
    }),
  );
}

/** tr(W_u (H⁻¹_uu)⁻¹ W_uᵀ) for every unit that is left. */
function removalCosts(
  W: Tensor,
  inverse: Tensor,
  slice: Slice,
  units: number,
  left: ReadonlySet<number>,
  features: (u: number) => number[],
): Float64Array {
  if (slice.inner * slice.outer === 1) {
    return sumByUnit(slice, units, div(sum(pow(W, 2), [0]), diagonal(inverse)).toArray());
  }
  const costs = new Float64Array(units);
  for (const u of left) {
    costs[u] = scoped(() => {
      const index = longTensor(features(u), [features(u).length]);
      const Wu = indexSelect(W, 1, index);
      const block = indexSelect(indexSelect(inverse, 0, index), 1, index);
      return sumAll(mul(solve(block, transpose(Wu, 0, 1)), transpose(Wu, 0, 1))).item();
    });
  }
  return costs;
}

/** W ← W − W_u (H⁻¹_uu)⁻¹ H⁻¹_u:, H⁻¹ ← H⁻¹ − H⁻¹_:u (H⁻¹_uu)⁻¹ H⁻¹_u: */
function remove(W: Tensor, inverse: Tensor, features: readonly number[]): void {
  const index = longTensor(features, [features.length]);
  const rows = indexSelect(inverse, 0, index); // (b, n)
  const gain = solve(indexSelect(rows, 1, index), rows); // (b, n)
  add_(W, matmul(indexSelect(W, 1, index), gain), -1);
  add_(inverse, matmul(transpose(rows, 0, 1), gain), -1);
}
