// 1 + cos(W_g, s·(BA)_g): near 0 where training already drives the unit to the origin (algorithm.md §3.5).
import { statisticsOf } from './group_moments.js';
import type { Saliency } from './saliency.js';

export const cosine: Saliency = (input) =>
  statisticsOf(
    input,
    ({ squared, inner, step }) => 1 + inner / (Math.sqrt(squared * step) + 1e-12),
  );
