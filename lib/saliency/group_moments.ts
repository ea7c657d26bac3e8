// Scores from ‖x_g‖², ⟨x_g, u_g⟩ and ‖u_g‖² with u = s·BA, over the base slices of each unit in one native pass.
import type { NodeGroup } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { sliceList } from '../lhspg/slice_list.js';
import { type ChosenSlice, allSlices } from '../lhspg/units.js';
import { noGrad } from '../tensor/autograd.js';
import { groupStatistics } from '../tensor/kernels.js';
import { scoped } from '../tensor/scope.js';
import type { SaliencyInput, Scores } from './saliency.js';

export interface Moments {
  readonly squared: number; // ‖x_g‖²
  readonly inner: number; // ⟨x_g, u_g⟩
  readonly step: number; // ‖u_g‖²
  readonly size: number; // |g|, base weights of the unit
}

/** One score per unit of each group; 0 for those already removed, and where rounding made it negative. */
export function statisticsOf(
  { model, groups, removed, slices = 'all' }: SaliencyInput,
  score: (m: Moments) => number,
): Scores {
  return new Map(groups.map((group) => [group.id, scoresOf(group)]));

  function scoresOf(group: NodeGroup): Float64Array {
    const counted = allSlices(group).filter(
      ({ slice }) => slices === 'all' || slice.role === 'producer',
    );
    const sizes = sizesOf(group, counted);
    return noGrad(() =>
      scoped(() => {
        const { list, groups: count, scale } = sliceList(model, counted);
        const some = list.x.length > 0;
        const rows = some ? groupStatistics(list, { scale, groups: count }).toArray() : [];
        const gone = removed.get(group.id);
        return Float64Array.from({ length: group.units }, (_, u) => {
          if (gone?.has(u)) return 0;
          const [squared = 0, inner = 0, step = 0] = rows.slice(3 * u, 3 * u + 3);
          return Math.max(0, score({ squared, inner, step, size: sizes[u] ?? 0 }));
        });
      }),
    );
  }

  /** Base weights of every unit. */
  function sizesOf(group: NodeGroup, counted: readonly ChosenSlice[]): Float64Array {
    const parameters = new Map(model.parameters());
    const sizes = new Float64Array(group.units);
    for (const { slice } of counted) {
      const tensor = parameters.get(slice.param);
      if (slice.lora !== null || !tensor) continue;
      const each = tensor.size / slice.extent;
      for (let u = 0; u < group.units; u++) {
        sizes[u] = (sizes[u] ?? 0) + each * sliceIndices(slice, group.units, u).length;
      }
    }
    return sizes;
  }
}
