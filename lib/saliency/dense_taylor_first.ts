// |⟨x_g, ∇_g⟩| with the mean gradient over batches: what the loss changes by without the unit, to first order.
import { gradientScores } from './gradient_scores.js';
import type { Saliency } from './saliency.js';

export const denseTaylorFirst: Saliency = (input) =>
  gradientScores(input, ({ inner }) => Math.abs(inner));
