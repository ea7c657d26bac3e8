// Next-token losses of a model on rows of tokens, in nats per target.
import type { Model } from '../models/model.js';
import type { PassOptions } from '../nn/pass.js';
import {
  add,
  crossEntropy,
  logSoftmax,
  mul,
  nllLoss,
  reshape,
  scale,
  slice,
  softmax,
  sub,
  sumAll,
} from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import type { Tensor } from '../tensor/tensor.js';

/** Rows of token ids of one length, row by row. */
export interface TokenBatch {
  readonly ids: Int32Array; // batch × length
  readonly batch: number;
  readonly length: number;
  /** As long as ids; −100 where a token is not a target. Without it every token but the first is one. */
  readonly labels?: Int32Array;
}

/** tokens (B, T) int64 on `device`, the model's */
export function tokensOf({ ids, batch, length }: TokenBatch, device = 'cpu'): Tensor {
  return longTensorOn(device, ids, [batch, length]);
}

/** Targets of positions 0…T−2, flat (B·(T−1)): the next token, or −100. */
export function targetsOf(
  { ids, labels = ids, batch, length }: TokenBatch,
  device: string,
): Tensor {
  const targets = new Int32Array(batch * (length - 1));
  for (let b = 0; b < batch; b++) {
    targets.set(labels.subarray(b * length + 1, (b + 1) * length), b * (length - 1));
  }
  return longTensorOn(device, targets);
}

/** Logits that predict a token, flat (B·(T−1), V). */
export function predictions(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const logits = model.forward(tokensOf(batch, model.device), pass); // (B, T, V)
  return reshape(slice(logits, 1, 0, batch.length - 1), [
    batch.batch * (batch.length - 1),
    model.vocabulary,
  ]);
}

/** Mean negative log-likelihood of the targets under log-probabilities (B·(T−1), V). */
export function logLikelihoodLoss(logProbabilities: Tensor, batch: TokenBatch): Tensor {
  return nllLoss(logProbabilities, targetsOf(batch, logProbabilities.device));
}

/** Mean cross-entropy over the targets. */
export function nextTokenLoss(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const logits = predictions(model, batch, pass);
  return crossEntropy(logits, targetsOf(batch, logits.device));
}

/**
 * (1 − weight)·cross-entropy + weight·KL(teacher ‖ model), both means over positions (algorithm.md §8, W10).
 * `teacher` gives logits (B·(T−1), V) without gradient.
 */
export function distillationLoss(
  model: Model,
  batch: TokenBatch,
  teacher: Tensor,
  weight: number,
  pass?: PassOptions,
): Tensor {
  const logits = predictions(model, batch, pass);
  const hard = crossEntropy(logits, targetsOf(batch, logits.device));
  const p = softmax(teacher, -1);
  const gap = sub(logSoftmax(teacher, -1), logSoftmax(logits, -1));
  const kl = scale(sumAll(mul(p, gap)), 1 / (batch.batch * (batch.length - 1)));
  return add(scale(hard, 1 - weight), scale(kl, weight));
}
