// One training step: loss, backward, clip, AdamW.
import { LoraShearError } from '../errors.js';
import { backward, clearGrads, noGrad } from '../tensor/autograd.js';
import { foreachNorm, pow, scale_, sqrt, stack, sumAll } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from './adamw.js';

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
  try {
    const value = scoped(() => {
      const l = loss();
      const nats = l.item();
      refuseNotFinite('training loss', nats);
      backward(l);
      return nats;
    });
    refuseNotFinite('norm of the gradients', clipGradients(optimizer.parameters, clip));
    optimizer.step(lr);
    return value;
  } finally {
    clearGrads(optimizer.parameters);
  }
}

function refuseNotFinite(what: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new LoraShearError('PRUNE_DIVERGED', `the ${what} became ${value}`, {
    hint: 'lower the learning rate, then go on with --resume',
  });
}
