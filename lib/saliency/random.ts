// Seeded random scores: the floor that every other saliency must beat.
import { createRandom } from '../data/random.js';
import type { Saliency } from './saliency.js';

export const random: Saliency = ({ groups, seed }) => {
  const stream = createRandom(seed);
  return new Map(
    groups.map(({ id, units }) => [
      id,
      Float64Array.from({ length: units }, () => stream.uniform()),
    ]),
  );
};
