// The regularised second-moment matrix that all least-squares steps share (algorithm.md §9, reading 3).
import type { InputStatistics } from '../calibration/input_statistics.js';
import { add, diagonal, scale, sumAll } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import { type Tensor, tensorFrom } from '../tensor/tensor.js';

/** Share of the mean diagonal that is added to the diagonal. */
export const ridgeShare = 0.01;

/** H = Σ x·xᵀ + μ·I (n, n) float64 with μ = 1 % of the mean diagonal of Σ x·xᵀ. */
export function ridge({ gram }: InputStatistics): Tensor {
  return scoped(() => {
    const n = gram.extent(0);
    const trace = sumAll(diagonal(gram)).item();
    return add(gram, scale(identity(n), (ridgeShare * trace) / n));
  });
}

/** I (n, n) float64 */
export function identity(n: number): Tensor {
  const eye = new Float64Array(n * n);
  for (let i = 0; i < n; i++) eye[i * n + i] = 1;
  return tensorFrom(eye, 'float64', [n, n]);
}
