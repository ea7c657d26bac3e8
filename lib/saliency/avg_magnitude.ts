// ‖x_g‖₂ / |g|: the magnitude by the number of the unit's base weights (OTO's avg_magnitude; algorithm.md §3.5).
import { statisticsOf } from './group_moments.js';
import type { Saliency } from './saliency.js';

export const avgMagnitude: Saliency = (input) =>
  statisticsOf(input, ({ squared, size }) => (size > 0 ? Math.sqrt(squared) / size : 0));
