// FLAP's fluctuation: Σ over the unit's features of var(x_j)·‖W_:j‖² at the consumer (An et al. 2024, WIFV).
import { squaresOf } from '../calibration/input_statistics.js';
import { pow, sum } from '../tensor/ops.js';
import { columnScores } from './column_scores.js';
import type { Saliency } from './saliency.js';

export const fluctuation: Saliency = (input) =>
  columnScores(input, (weight, moments) => {
    const { sum: total, count: n } = moments;
    if (n === 0) return new Float64Array(total.extent(0)); // an expert that no token went to
    const norms = sum(pow(weight, 2), [0]).toArray(); // ‖W_:j‖²
    const squares = squaresOf(moments).toArray();
    const sums = total.toArray();
    return norms.map((w, j) => {
      const mean = (sums[j] ?? 0) / n;
      return w * Math.max(0, (squares[j] ?? 0) / n - mean * mean);
    });
  });
