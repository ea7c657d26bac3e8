// FLAP's fluctuation: Σ over the unit's features of var(x_j)·‖W_:j‖² at the consumer (An et al. 2024, WIFV).
import { loraDelta } from '../lora/lora.js';
import { noGrad } from '../tensor/autograd.js';
import { add, diagonal, pow, sum } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import { type Saliency, consumersOf, sumByUnit } from './saliency.js';

export const fluctuation: Saliency = ({ model, groups, statistics }) => {
  const linears = model.linears();
  return new Map(
    groups.map((group) => {
      const scores = new Float64Array(group.units);
      for (const { slice, path } of consumersOf(group)) {
        const linear = linears.get(path);
        const moments = statistics.get(path);
        if (!linear || !moments) continue;
        const perUnit = noGrad(() =>
          scoped(() => {
            const { lora, matrix: weight } = linear;
            const effective = lora ? add(weight, loraDelta(lora)) : weight;
            const norms = sum(pow(effective, 2), [0]).toArray(); // ‖W_:j‖²
            const squares = diagonal(moments.gram).toArray();
            const sums = moments.sum.toArray();
            const n = moments.count;
            const values = norms.map((w, j) => {
              const mean = (sums[j] ?? 0) / n;
              return w * Math.max(0, (squares[j] ?? 0) / n - mean * mean);
            });
            return sumByUnit(slice, group.units, values);
          }),
        );
        perUnit.forEach((value, u) => (scores[u] = (scores[u] ?? 0) + value));
      }
      return [group.id, scores];
    }),
  );
};
