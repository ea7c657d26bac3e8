// ½·mean_b ⟨x_g, ∇_g,b⟩² over batches b: ½·xᵀFx with the empirical Fisher matrix F in the place of the Hessian.
// The mean of squares, not the square of the mean: near a minimum the mean gradient vanishes and its square says nothing
// more than dense_taylor_first, whereas the mean of squares is the curvature there (Molchanov et al. 2019).
import { gradientScores } from './gradient_scores.js';
import type { Saliency } from './saliency.js';

export const denseTaylorSecond: Saliency = (input) =>
  gradientScores(input, ({ innerSquares }) => innerSquares / 2);
