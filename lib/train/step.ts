// One training step: loss, backward, clip, AdamW.
import { backward, clearGrads, noGrad } from '../tensor/autograd.js';
import { foreachNorm, pow, scale_, sqrt, stack, sumAll } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from './adamw.js';
import { diverged } from './divergence.js';

/**
 * Scales the gradients so that their joint L2 norm is at most `limit`; returns the norm before. Gradients
 * whose norm is not finite stay as they are.
 */
export function clipGradients(parameters: readonly Tensor[], limit: number): number {
  return noGrad(() =>
    scoped(() => {
      const grads = parameters.flatMap((p) => p.grad ?? []);
      if (grads.length === 0) return 0;
      const norm = sqrt(sumAll(pow(stack(foreachNorm(grads, 2), 0), 2))).item();
      if (norm > limit && norm < Infinity) for (const g of grads) scale_(g, limit / (norm + 1e-6));
      return norm;
    }),
  );
}

/**
 * Runs `loss`, its backward and one optimiser step. Returns the loss in nats.
 * @throws PRUNE_DIVERGED when the loss or a gradient is not finite; parameters and moments are then untouched
 */
export function trainStep(loss: () => Tensor, optimizer: AdamW, lr: number, clip = 1): number {
  return optimizerStep(
    () =>
      scoped(() => {
        const l = loss();
        const nats = finiteLoss(l);
        backward(l);
        return nats;
      }),
    optimizer,
    { learningRate: lr, clip },
  );
}

/**
 * One optimiser step on the gradients that `accumulate` leaves, which gives the loss in nats. No gradient is left.
 * @throws PRUNE_DIVERGED when the gradients' norm is not finite; parameters and moments are then untouched
 */
export function optimizerStep(
  accumulate: () => number,
  optimizer: AdamW,
  { learningRate, clip }: { learningRate: number; clip: number },
): number {
  try {
    const nats = accumulate();
    refuseNotFinite('norm of the gradients', clipGradients(optimizer.parameters, clip));
    optimizer.step(learningRate);
    return nats;
  } finally {
    clearGrads(optimizer.parameters);
  }
}

/** The value of a loss. @throws PRUNE_DIVERGED when it is no finite number */
export function finiteLoss(loss: Tensor): number {
  const nats = loss.item();
  refuseNotFinite('training loss', nats);
  return nats;
}

function refuseNotFinite(what: string, value: number): void {
  if (!Number.isFinite(value)) throw diverged(`${what} became ${value}`);
}
