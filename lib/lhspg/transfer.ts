// Closed-form transfer of knowledge: what the redundant units told a consumer is fitted by those that stay
// (algorithm.md §9, readings 3 and 4).
import type { InputStatistics } from '../calibration/input_statistics.js';
import { ridge } from '../saliency/ridge.js';
import { loraDelta } from '../lora/lora.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import type { DType } from '../tensor/dtype.js';
import {
  add,
  add_,
  indexAdd_,
  indexSelect,
  copy_,
  matmul,
  scale,
  solve,
  sub,
  to,
  transpose,
  zeros,
} from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';

/** What a consumer's weight gains once its inputs S tell all that its inputs R told. */
export interface Transfer {
  readonly path: string;
  /** W_R·Cᵀ in the columns S, zero elsewhere (out, in), in the weight's type; owned. */
  readonly told: Tensor;
  /** What rounding has kept of it so far, like `told`; null where {@link isRounded} is not. Owned. */
  readonly lost: Tensor | null;
}

/** Whether what weights of this type lose to rounding is kept and counted. */
export const isRounded = (dtype: DType): boolean => dtype === 'bfloat16' || dtype === 'float16';

export function disposeTransfer({ told, lost }: Transfer): void {
  told.dispose();
  lost?.dispose();
}

/** How inputs R are told by inputs S: x_R ≈ Cᵀ·x_S. */
export interface Fit {
  readonly redundant: readonly number[]; // R, input features of the units that go
  readonly staying: readonly number[]; // S
  readonly coefficients: Tensor; // C (|S|, |R|) float64, of the current scope
}

/**
 * C = argmin ‖X_R − X_S·C‖² + μ‖C‖² on calibration inputs.
 * @param gone features that earlier periods removed: in neither R nor S
 */
export function fitInputs(
  statistics: InputStatistics,
  redundant: readonly number[],
  gone: ReadonlySet<number>,
): Fit {
  const out = new Set([...redundant, ...gone]);
  const n = statistics.gram.extent(0);
  const staying = Array.from({ length: n }, (_, j) => j).filter((j) => !out.has(j));
  const coefficients = noGrad(() =>
    scoped(() => {
      const S = longTensor(staying, [staying.length]);
      const R = longTensor(redundant, [redundant.length]);
      const rows = indexSelect(ridge(statistics), 0, S); // (|S|, n)
      return solve(indexSelect(rows, 1, S), indexSelect(rows, 1, R));
    }),
  );
  return { redundant, staying, coefficients };
}

/** W_R·Cᵀ of the weight as it is now, with its LoRA's Δ. */
export function transferOf(path: string, linear: Linear, fit: Fit): Transfer {
  const { redundant, staying, coefficients } = fit;
  const { dtype } = linear.weight;
  const told = noGrad(() =>
    scoped(() => {
      const { matrix: weight, lora } = linear;
      const { device } = weight;
      const effective = lora ? add(weight, loraDelta(lora)) : weight;
      const columns = indexSelect(effective, 1, longTensorOn(device, redundant)); // (out, |R|)
      const C = to(coefficients, device, 'float32');
      const moved = matmul(to(columns, device, 'float32'), transpose(C, 0, 1)); // (out, |S|)
      const whole = zeros([linear.outFeatures, linear.inFeatures], 'float32', device);
      indexAdd_(whole, 1, longTensorOn(device, staying), moved);
      return keep(to(whole, device, dtype));
    }),
  );
  return {
    path,
    told,
    lost: isRounded(dtype) ? keep(zeros(told.shape, dtype, told.device)) : null,
  };
}

/**
 * W_S ← W_S + share·W_R·Cᵀ: the staying inputs now say this share of what the redundant ones said at the start.
 * `share` is F(t−1) − F(t) of the redundant outputs' remaining factor F. What is rounded off in a half type is added
 * with the next share (Kahan 1965): without, half of a tenth in a hundred shares never arrived.
 */
export function transferShare(linear: Linear, { told, lost }: Transfer, share: number): void {
  noGrad(() => {
    scoped(() => {
      const { matrix } = linear;
      if (!lost) {
        add_(matrix, told, share);
        return;
      }
      const wide = (x: Tensor): Tensor => to(x, x.device, 'float32');
      const aim = add(wide(matrix), add(scale(wide(told), share), wide(lost)));
      copy_(matrix, aim);
      copy_(lost, sub(aim, wide(matrix)));
    });
  });
}
