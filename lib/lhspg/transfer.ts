// Closed-form transfer of knowledge: what the redundant units told a consumer is fitted by those that stay
// (algorithm.md §9, readings 3 and 4).
import type { InputStatistics } from '../calibration/input_statistics.js';
import { ridge } from '../saliency/ridge.js';
import { loraDelta } from '../lora/lora.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { add, indexAdd_, indexSelect, matmul, solve, to, transpose } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';

/** How one consumer's inputs R are told by its inputs S: x_R ≈ C ᵀ·x_S. */
export interface Transfer {
  readonly path: string;
  readonly redundant: readonly number[]; // R, input features of the units that go
  readonly staying: readonly number[]; // S
  readonly coefficients: Tensor; // C (|S|, |R|) float32, owned
}

/**
 * C = argmin ‖X_R − X_S·C‖² + μ‖C‖² on calibration inputs.
 * @param gone features that earlier periods removed: in neither R nor S
 * @param device where C is kept: that of the consumer's weight
 */
export function fitTransfer(
  path: string,
  statistics: InputStatistics,
  redundant: readonly number[],
  gone: ReadonlySet<number>,
  device: string,
): Transfer {
  const out = new Set([...redundant, ...gone]);
  const n = statistics.gram.extent(0);
  const staying = Array.from({ length: n }, (_, j) => j).filter((j) => !out.has(j));
  const coefficients = noGrad(() =>
    scoped(() => {
      const S = longTensor(staying, [staying.length]);
      const R = longTensor(redundant, [redundant.length]);
      const rows = indexSelect(ridge(statistics), 0, S); // (|S|, n)
      const C = solve(indexSelect(rows, 1, S), indexSelect(rows, 1, R));
      return keep(to(C, device, 'float32'));
    }),
  );
  return { path, redundant, staying, coefficients };
}

/**
 * W_S ← W_S + share·W_R·Cᵀ, with the LoRA's Δ in W_R: the staying inputs now say this share of what the
 * redundant ones say. `share` is F(t−1) − F(t) of the redundant outputs' remaining factor F.
 */
export function transferShare(
  linear: Linear,
  { redundant, staying, coefficients }: Transfer,
  share: number,
): void {
  noGrad(() => {
    scoped(() => {
      const { matrix: weight, lora } = linear;
      const R = longTensorOn(weight.device, redundant);
      const S = longTensorOn(weight.device, staying);
      // In the coefficients' type, whatever the weight's: only the sum is rounded.
      const base = to(indexSelect(weight, 1, R), weight.device, coefficients.dtype); // (out, |R|)
      const told = lora ? add(base, indexSelect(loraDelta(lora), 1, R)) : base;
      const moved = matmul(told, transpose(coefficients, 0, 1)); // (out, |S|)
      indexAdd_(weight, 1, S, to(moved, weight.device, weight.dtype), share);
    });
  });
}
