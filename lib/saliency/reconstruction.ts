// Least-squares reconstruction: what a unit's removal costs after the others made up for it as well as they can
// (optimal brain surgeon in groups; Hassibi & Stork 1993, Kurtic et al. 2023, ZipLM), greedily on calibration inputs.
import type { Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { noGrad } from '../tensor/autograd.js';
import {
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
import { effectiveWeight } from './effective_weight.js';
import { inputsOf, readersOf } from './readers.js';
import { identity, ridge } from './ridge.js';
import { type Saliency, sumByUnit } from './saliency.js';

/** One linear that reads the group, as elimination changes it. */
interface State {
  readonly W: Tensor; // (out, n) float64
  readonly inverse: Tensor; // H⁻¹ (n, n) float64
  readonly slice: Slice;
}

/**
 * The score of a unit is the reconstruction error accumulated up to its removal, so that order is rank; over all linears
 * that read it. Units whose inputs were never seen cost nothing. Memory: two matrices (n, n) float64 for each such linear.
 * @throws CONFIG_INVALID for groups that no linear of the blocks reads
 */
export const reconstruction: Saliency = ({ model, groups, statistics, removed, limits }) =>
  new Map(
    groups.map((group) => {
      const gone = removed.get(group.id) ?? new Set<number>();
      const limit = limits?.get(group.id) ?? group.units - gone.size - 1;
      const readers = readersOf(model, group);
      const scores = noGrad(() =>
        scoped(() => {
          const states = readers.flatMap(({ path, linear, slice }): State[] => {
            const moments = inputsOf(statistics, path);
            if (!(sumAll(diagonal(moments.gram)).item() > 0)) return [];
            const W = to(effectiveWeight(linear), 'cpu', 'float64');
            const inverse = solve(ridge(moments), identity(moments.gram.extent(0)));
            return [{ W, inverse, slice }];
          });
          return eliminate(group.units, states, gone, limit);
        }),
      );
      return [group.id, scores];
    }),
  );

function eliminate(
  units: number,
  states: readonly State[],
  gone: ReadonlySet<number>,
  limit: number,
): Float64Array {
  const scores = new Float64Array(units);
  const left = new Set(Array.from({ length: units }, (_, u) => u).filter((u) => !gone.has(u)));
  const costsNow = (): Float64Array => {
    const costs = new Float64Array(units);
    for (const state of states) {
      scoped(() => removalCosts(state, units, left)).forEach((x, u) => {
        costs[u] = (costs[u] ?? 0) + x;
      });
    }
    return costs;
  };
  let spent = 0;
  for (let step = 0; step < limit && left.size > 1; step++) {
    const costs = costsNow();
    let best = -1;
    for (const u of left) {
      if (best < 0 || (costs[u] ?? 0) < (costs[best] ?? 0)) best = u;
    }
    spent += Math.max(costs[best] ?? 0, Number.MIN_VALUE);
    scores[best] = spent;
    left.delete(best);
    for (const state of states) {
      scoped(() => {
        remove(state, sliceIndices(state.slice, units, best));
      });
    }
  }
  const costs = costsNow();
  for (const u of left) scores[u] = spent + (costs[u] ?? 0);
  return scores;
}

/** tr(W_u (H⁻¹_uu)⁻¹ W_uᵀ) for every unit that is left. */
function removalCosts(
  { W, inverse, slice }: State,
  units: number,
  left: ReadonlySet<number>,
): Float64Array {
  if (slice.inner * slice.outer === 1 && slice.only === undefined) {
    return sumByUnit(slice, units, div(sum(pow(W, 2), [0]), diagonal(inverse)).toArray());
  }
  const costs = new Float64Array(units);
  for (const u of left) {
    const features = sliceIndices(slice, units, u);
    if (features.length === 0) continue;
    costs[u] = scoped(() => {
      const index = longTensor(features, [features.length]);
      const Wu = indexSelect(W, 1, index);
      const block = indexSelect(indexSelect(inverse, 0, index), 1, index);
      return sumAll(mul(solve(block, transpose(Wu, 0, 1)), transpose(Wu, 0, 1))).item();
    });
  }
  return costs;
}

/** W ← W − W_u (H⁻¹_uu)⁻¹ H⁻¹_u:, H⁻¹ ← H⁻¹ − H⁻¹_:u (H⁻¹_uu)⁻¹ H⁻¹_u: */
function remove({ W, inverse }: State, features: readonly number[]): void {
  if (features.length === 0) return;
  const index = longTensor(features, [features.length]);
  const rows = indexSelect(inverse, 0, index); // (b, n)
  const gain = solve(indexSelect(rows, 1, index), rows); // (b, n)
  add_(W, matmul(indexSelect(W, 1, index), gain), -1);
  add_(inverse, matmul(transpose(rows, 0, 1), gain), -1);
}
