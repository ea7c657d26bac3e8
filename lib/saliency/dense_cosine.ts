// 1 + cos(x_g, −∇_g): near 0 where descent would shrink the unit, so that it ranks as the LoRA form does. OTO's dense form
// has +∇ and ranks the other way (algorithm.md §3.5, sign note).
import { gradientScores } from './gradient_scores.js';
import type { Saliency } from './saliency.js';

export const denseCosine: Saliency = (input) =>
  gradientScores(input, ({ squared, inner, gradient }) => {
    const lengths = Math.sqrt(squared) * Math.sqrt(gradient);
    return lengths > 0 ? 1 - inner / lengths : 1;
  });
