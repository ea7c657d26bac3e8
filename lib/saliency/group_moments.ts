// Scores from ‖x_g‖², ⟨x_g, u_g⟩ and ‖u_g‖² with u = s·BA, over all base slices of each unit in one native pass.
import type { NodeGroup } from '../groups/group.js';
import { allSlices } from '../lhspg/units.js';
import { sliceList } from '../lhspg/slice_list.js';
import { noGrad } from '../tensor/autograd.js';
import { groupStatistics } from '../tensor/kernels.js';
import { scoped } from '../tensor/scope.js';
import type { SaliencyInput, Scores } from './saliency.js';

export interface Moments {
  readonly squared: number; // ‖x_g‖²
  readonly inner: number; // ⟨x_g, u_g⟩
  readonly step: number; // ‖u_g‖²
}

/** One score per unit of each group; 0 for those already removed, and where rounding made it negative. */
export function statisticsOf(
  { model, groups, removed }: SaliencyInput,
  score: (m: Moments) => number,
): Scores {
  return new Map(groups.map((group) => [group.id, scoresOf(group)]));

  function scoresOf(group: NodeGroup): Float64Array {
    return noGrad(() =>
      scoped(() => {
        const { list, groups: count, scale } = sliceList(model, allSlices(group));
        const rows = groupStatistics(list, { scale, groups: count }).toArray();
        const gone = removed.get(group.id);
        return Float64Array.from({ length: group.units }, (_, u) => {
          if (gone?.has(u)) return 0;
          const [squared = 0, inner = 0, step = 0] = rows.slice(3 * u, 3 * u + 3);
          return Math.max(0, score({ squared, inner, step }));
        });
      }),
    );
  }
}
