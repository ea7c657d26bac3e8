// ‖x_g‖₂ over every base slice of the unit, producers and consumers (algorithm.md §3.5).
import { statisticsOf } from './group_moments.js';
import type { Saliency } from './saliency.js';

export const magnitude: Saliency = (input) =>
  statisticsOf(input, ({ squared }) => Math.sqrt(squared));
