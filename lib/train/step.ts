// One training step: loss, backward, clip, AdamW. The host waits for the device once, when all of it is queued.
import { backward, clearGrads, noGrad } from '../tensor/autograd.js';
import { clampMax, detach, full, pow, scale, shift, sqrt, stack, sumAll } from '../tensor/ops.js';
import { foreachMul_, foreachNorm, markNotFinite_ } from '../tensor/optimizer_ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from './adamw.js';
import { diverged } from './divergence.js';

/**
 * Scales the gradients so that their joint L2 norm is at most `limit`; returns the norm before, () on their device, null
 * where there are none. Gradients whose norm is not finite become 0 or NaN.
 */
export function clipGradients(parameters: readonly Tensor[], limit: number): Tensor | null {
  return noGrad(() =>
    scoped(() => {
      const grads = parameters.flatMap((p) => p.grad ?? []);
      if (grads.length === 0) return null;
      const norm = sqrt(sumAll(pow(stack(foreachNorm(grads, 2), 0), 2)));
      foreachMul_(grads, clampMax(scale(pow(shift(norm, 1e-6), -1), limit), 1));
      return norm;
    }),
  );
}

/**
 * Runs `loss`, its backward and one optimiser step. Returns the loss in nats.
 * @throws PRUNE_DIVERGED when the loss or a gradient is not finite; parameters and moments are then untouched
 */
export function trainStep(loss: () => Tensor, optimizer: AdamW, lr: number, clip = 1): number {
  const accumulate = (): Tensor =>
    scoped(() => {
      const l = loss();
      backward(l);
      return detach(l);
    });
  return optimizerStep(accumulate, optimizer, { learningRate: lr, clip });
}

/**
 * One optimiser step on the gradients that `accumulate` leaves, which gives the loss () in nats. No gradient is left.
 * @throws PRUNE_DIVERGED when the loss or the gradients' norm is not finite; parameters and moments are then untouched
 */
export function optimizerStep(
  accumulate: () => Tensor,
  optimizer: AdamW,
  { learningRate, clip }: { learningRate: number; clip: number },
): number {
  return lossOfStep(() => queueStep(accumulate, optimizer, { learningRate, clip }));
}

/**
 * Asks the device for that step, and does not wait for it: the loss, and the gradients' norm before it was clipped (2), on
 * their device. Where one of them is not finite, nothing moves.
 */
export function queueStep(
  accumulate: () => Tensor,
  optimizer: AdamW,
  { learningRate, clip }: { learningRate: number | Tensor; clip: number },
): Tensor {
  const { parameters } = optimizer;
  try {
    return scoped(() => {
      const loss = accumulate();
      const found = noGrad(() =>
        stack([loss, clipGradients(parameters, clip) ?? scale(loss, 0)], 0),
      );
      const one = (value: number): Tensor => full([], value, 'float32', loss.device);
      const skip = one(0);
      markNotFinite_([found], skip, one(1));
      optimizer.step(learningRate, skip);
      return found;
    });
  } finally {
    clearGrads(parameters);
  }
}

/** Waits for what {@link queueStep} gives. @throws PRUNE_DIVERGED */
export function lossOfStep(queue: () => Tensor): number {
  const [nats, norm] = scoped(() => queue().toArray() as [number, number]);
  if (!Number.isFinite(nats)) throw diverged(`training loss became ${nats}`);
  if (!Number.isFinite(norm)) throw diverged(`norm of the gradients became ${norm}`);
  return nats;
}
