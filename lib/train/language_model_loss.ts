// Next-token losses of a model on rows of tokens, in nats per target.
import type { Model } from '../models/model.js';
import type { PassOptions } from '../nn/pass.js';
import { isFrozen, linearCrossEntropy } from '../tensor/linear_cross_entropy.js';
import {
  add,
  crossEntropy,
  indexSelect,
  logSoftmax,
  mul,
  nllLoss,
  reshape,
  scale,
  slice,
  softmax,
  sub,
  sumAll,
  to,
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
  /**
   * As long as ids; the document of each token in its row. Tokens see their own document only, positions begin again
   * with each, and the first token of one is no target.
   */
  readonly segments?: Int32Array;
  /** Where ids (B, T) and {@link labelIds} (B·T) lie on the model's device already. */
  readonly placed?: { readonly tokens: Tensor; readonly labels: Tensor };
}

export type PlacedBatch = TokenBatch & Required<Pick<TokenBatch, 'placed'>>;

/** Label of a token that is not to be predicted, as in PyTorch's cross entropy. */
const ignored = -100;

/** tokens (B, T) int64 on `device`, the model's */
export function tokensOf({ ids, batch, length, placed }: TokenBatch, device = 'cpu'): Tensor {
  return placed?.tokens ?? longTensorOn(device, ids, [batch, length]);
}

/** Targets of positions 0…T−2, flat (B·(T−1)): the next token, or −100. */
export function targetIds({ ids, labels = ids, segments, batch, length }: TokenBatch): Int32Array {
  const targets = new Int32Array(batch * (length - 1));
  for (let b = 0; b < batch; b++) {
    targets.set(labels.subarray(b * length + 1, (b + 1) * length), b * (length - 1));
  }
  segments?.forEach((segment, i) => {
    const [b, t] = [Math.floor(i / length), i % length];
    if (t > 0 && segment !== segments[i - 1]) targets[b * (length - 1) + t - 1] = ignored;
  });
  return targets;
}

/** Targets of all positions, flat (B·T): as {@link targetIds}, and none at the last of each row. */
export function labelIds(batch: TokenBatch): Int32Array {
  const { length } = batch;
  const targets = targetIds(batch);
  const labels = new Int32Array(batch.batch * length).fill(ignored);
  for (let b = 0; b < batch.batch; b++) {
    labels.set(targets.subarray(b * (length - 1), (b + 1) * (length - 1)), b * length);
  }
  return labels;
}

/** {@link targetIds} as a tensor. */
export function targetsOf(batch: TokenBatch, device: string): Tensor {
  if (!batch.placed) return longTensorOn(device, targetIds(batch));
  const labels = reshape(batch.placed.labels, [batch.batch, batch.length]);
  return reshape(slice(labels, 1, 0, batch.length - 1), [batch.batch * (batch.length - 1)]);
}

/** Tokens that are predicted: all but the first of each row or document, without those that are no targets. */
export function targetCount(batch: TokenBatch): number {
  if (!batch.labels && !batch.segments) return batch.batch * (batch.length - 1);
  return targetIds(batch).reduce((n, id) => (id >= 0 ? n + 1 : n), 0);
}

const passOf = ({ segments }: TokenBatch, pass?: PassOptions): PassOptions | undefined =>
  segments ? { ...pass, segments } : pass;

/** Logits that predict a token, flat (B·(T−1), V). */
export function predictions(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const logits = model.forward(tokensOf(batch, model.device), passOf(batch, pass)); // (B, T, V)
  return reshape(slice(logits, 1, 0, batch.length - 1), [
    batch.batch * (batch.length - 1),
    model.vocabulary,
  ]);
}

/** What the head reads at every position, flat (B·T, C). */
export function hiddenRows(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const hidden = model.hidden(tokensOf(batch, model.device), passOf(batch, pass)); // (B, T, C)
  return reshape(hidden, [batch.batch * batch.length, hidden.extent(-1)]);
}

/** Mean negative log-likelihood of the targets under log-probabilities (B·(T−1), V), in float32. */
export function logLikelihoodLoss(logProbabilities: Tensor, batch: TokenBatch): Tensor {
  return nllLoss(wide(logProbabilities), targetsOf(batch, logProbabilities.device));
}

/**
 * Mean cross-entropy over the targets, in float32. Under a frozen head the logits of some rows exist at a time, and only
 * of those that have a target.
 */
export function nextTokenLoss(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const head = model.linearHead;
  if (!head || !isFrozen(head)) return plainNextTokenLoss(model, batch, pass);
  const labels = batch.placed?.labels ?? longTensorOn(model.device, labelIds(batch));
  return linearCrossEntropy(hiddenRows(model, batch, pass), head, labels);
}

/** {@link nextTokenLoss} by way of all logits, which any head, a graph and gradients of the head need. */
export function plainNextTokenLoss(model: Model, batch: TokenBatch, pass?: PassOptions): Tensor {
  const logits = wide(predictions(model, batch, pass));
  return crossEntropy(logits, targetsOf(batch, logits.device));
}

/** Losses are computed in float32 (float64) whatever the model computes in. */
export const wide = (x: Tensor): Tensor =>
  x.dtype === 'float32' || x.dtype === 'float64' ? x : to(x, x.device, 'float32');

/**
 * (1 − weight)·cross-entropy + weight·KL(teacher ‖ model), both means over positions (algorithm.md §8, W10); the last
 * token of a document predicts nothing.
 * `teacher` gives logits (B·(T−1), V) without gradient.
 */
export function distillationLoss(
  model: Model,
  batch: TokenBatch,
  teacher: Tensor,
  weight: number,
  pass?: PassOptions,
): Tensor {
  const logits = wide(predictions(model, batch, pass));
  const hard = crossEntropy(logits, targetsOf(batch, logits.device));
  const [q, of] = [logits, wide(teacher)].map((x) => predicting(x, batch)) as [Tensor, Tensor];
  const gap = sub(logSoftmax(of, -1), logSoftmax(q, -1));
  const kl = scale(sumAll(mul(softmax(of, -1), gap)), 1 / q.extent(0));
  return add(scale(hard, 1 - weight), scale(kl, weight));
}

/** Of logits (B·(T−1), V) the rows that predict a token, where documents in a row leave some that do not. */
function predicting(logits: Tensor, batch: TokenBatch): Tensor {
  if (!batch.segments) return logits;
  const { segments, ids, batch: rows, length } = batch;
  const places = [...targetIds({ ids, segments, batch: rows, length })].flatMap((id, i) =>
    id === ignored ? [] : i,
  );
  return indexSelect(logits, 0, longTensorOn(logits.device, places));
}
