// Wanda by structure: Σ_j Σ_i |W_ij|·‖x_j‖₂ over the columns j of a unit in every linear that reads it, W with its LoRA
// and ‖x_j‖₂ over all calibration tokens (Sun et al. 2023, whose score of one weight is |W_ij|·‖x_j‖₂). What makes the
// unit does not count. See readersOf for units that no linear reads by columns.
import { squaresOf } from '../calibration/input_statistics.js';
import { abs, sum } from '../tensor/ops.js';
import { columnScores } from './column_scores.js';
import type { Saliency } from './saliency.js';

export const wanda: Saliency = (input) =>
  columnScores(input, (weight, moments) => {
    const squares = squaresOf(moments).toArray(); // Σ x_j²
    const weights = sum(abs(weight), [0]).toArray(); // Σ_i |W_ij|
    return weights.map((w, j) => w * Math.sqrt(Math.max(0, squares[j] ?? 0)));
  });
