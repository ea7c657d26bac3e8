// How far a changed model's output is from the dense one's on a batch: loss, and KL of the distributions.
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { exp, logSoftmax, mul, scale, sub, sumAll } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TokenBatch, logLikelihoodLoss, predictions } from '../train/language_model_loss.js';

/** The dense model's answer on one batch. */
export interface Reference {
  readonly loss: number; // nats per target
  readonly logProbabilities: Tensor; // (B·(T−1), V), owned
  dispose(): void;
}

export function denseReference(model: Model, batch: TokenBatch): Reference {
  return noGrad(() =>
    scoped(() => {
      const logProbabilities = logSoftmax(predictions(model, batch), -1);
      const loss = logLikelihoodLoss(logProbabilities, batch).item();
      keep(logProbabilities);
      return { loss, logProbabilities, dispose: () => logProbabilities.dispose() };
    }),
  );
}

export interface Deviation {
  readonly loss: number;
  /** KL(dense ‖ changed) in nats per target */
  readonly kl: number;
}

export function deviationFrom(model: Model, batch: TokenBatch, reference: Reference): Deviation {
  return noGrad(() =>
    scoped(() => {
      const changed = logSoftmax(predictions(model, batch), -1);
      const { logProbabilities: p } = reference;
      const gap = sumAll(mul(exp(p), sub(p, changed)));
      return {
        loss: logLikelihoodLoss(changed, batch).item(),
        kl: scale(gap, 1 / changed.extent(0)).item(),
      };
    }),
  );
}
