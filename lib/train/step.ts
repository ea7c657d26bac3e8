// One training step: loss, backward, clip, AdamW.
import { LoraShearError } from '../errors.js';
import { backward, clearGrads, noGrad } from '../tensor/autograd.js';
import { foreachNorm, pow, scale_, sqrt, stack, sumAll } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from './adamw.js';

/** Scales the gradients so that their joint L2 norm is at most `limit`; returns the norm before. */
export function clipGradients(parameters: readonly Tensor[], limit: number): number {
  return noGrad(() =>
    scoped(() => {
      const grads = parameters.flatMap((p) => p.grad ?? []);
      if (grads.length === 0) return 0;
      const norm = sqrt(sumAll(pow(stack(foreachNorm(grads, 2), 0), 2))).item();
      if (norm > limit) for (const g of grads) scale_(g, limit / (norm + 1e-6));
      return norm;
    }),
  );
}

/**
 * Runs `loss`, its backward and one optimiser step. Returns the loss in nats.
 * @throws PRUNE_DIVERGED when the loss is not finite; the parameters are then untouched
 */
export function trainStep(loss: () => Tensor, optimizer: AdamW, lr: number, clip = 1): number {
  const value = scoped(() => {
    const l = loss();
    const nats = l.item();
    if (Number.isFinite(nats)) backward(l);
    return nats;
  });
  if (!Number.isFinite(value)) {
    throw new LoraShearError('PRUNE_DIVERGED', `the training loss became ${value}`, {
      hint: 'lower the learning rate, then go on with --resume',
    });
  }
  clipGradients(optimizer.parameters, clip);
  optimizer.step(lr);
  clearGrads(optimizer.parameters);
  return value;
}
