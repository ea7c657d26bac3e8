// Seeded random scores: the floor that every other saliency must beat.
import { createRandom } from '../data/random.js';
import type { Saliency } from './saliency.js';

export const random: Saliency = ({ groups, removed, seed }) => {
  const stream = createRandom(seed);
  return new Map(
    groups.map(({ id, units }) => [
      id,
      Float64Array.from({ length: units }, (_, u) => {
        const score = stream.uniform(); // drawn for all, so that the others' do not depend on what is gone
        return removed.get(id)?.has(u) ? 0 : score;
      }),
    ]),
  );
};
