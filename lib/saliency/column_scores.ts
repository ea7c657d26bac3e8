// Scores that add up over the columns of the linears which read a unit.
import type { InputStatistics } from '../calibration/input_statistics.js';
import { noGrad } from '../tensor/autograd.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { effectiveWeight } from './effective_weight.js';
import { inputsOf, readersOf } from './readers.js';
import { type SaliencyInput, type Scores, sumByUnit } from './saliency.js';

/**
 * Σ over each unit's columns of `ofColumns`, which says one number ≥ 0 for each column of a linear's effective weight
 * (out, in) float32. 0 for units already removed. @throws CONFIG_INVALID for groups that no linear of the blocks reads
 */
export function columnScores(
  { model, groups, statistics, removed }: SaliencyInput,
  ofColumns: (weight: Tensor, moments: InputStatistics) => ArrayLike<number>,
): Scores {
  return new Map(
    groups.map((group) => {
      const scores = new Float64Array(group.units);
      for (const { slice, path, linear } of readersOf(model, group)) {
        const moments = inputsOf(statistics, path);
        const values = noGrad(() => scoped(() => ofColumns(effectiveWeight(linear), moments)));
        sumByUnit(slice, group.units, values).forEach((x, u) => (scores[u] = (scores[u] ?? 0) + x));
      }
      for (const u of removed.get(group.id) ?? []) scores[u] = 0;
      return [group.id, scores];
    }),
  );
}
