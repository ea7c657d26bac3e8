// Scores from what calibration gradients say of each unit.
import type { UnitGradient } from '../calibration/gradients.js';
import { LoraShearError } from '../errors.js';
import type { SaliencyInput, Scores } from './saliency.js';

/**
 * One score per unit of each group; 0 for those already removed, and where rounding made it negative.
 * @throws CONFIG_INVALID where the input has no gradients of a group
 */
export function gradientScores(
  { groups, gradients, removed, slices = 'all' }: SaliencyInput,
  score: (unit: UnitGradient) => number,
): Scores {
  return new Map(
    groups.map(({ id }) => {
      const units = gradients?.get(id)?.[slices];
      if (!units) {
        throw new LoraShearError('CONFIG_INVALID', `no calibration gradients of ${id} are there`, {
          hint: 'gather them first, or choose a saliency without dense_ in its name',
          facts: { group: id },
        });
      }
      const gone = removed.get(id);
      return [
        id,
        Float64Array.from(units, (unit, u) => (gone?.has(u) ? 0 : Math.max(0, score(unit)))),
      ];
    }),
  );
}
