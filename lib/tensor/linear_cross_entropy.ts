// The cross-entropy of a linear head, which holds the logits of some rows at a time and no graph of them.
import { native } from '../native/load.js';
import { op, recording } from './op.js';
import type { Tensor } from './tensor.js';

/** Logits are z = scale·(hidden·Wᵀ + b), squeezed to softcap·tanh(z / softcap) where there is a cap. */
export interface LinearHead {
  readonly weight: Tensor; // (V, C)
  readonly bias: Tensor | null; // (V)
  /** Positive. */
  readonly scale: number;
  readonly softcap: number | null;
}

const linearCrossEntropyOp = op(
  'lorashear::linear_cross_entropy(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, float scale=1.0, float softcap=0.0, int ignore_index=-100, int reduction=1, int chunk=0) -> Tensor',
);

/** Whether {@link linearCrossEntropy} serves: neither a gradient of the head nor a graph is recorded. */
export function isFrozen({ weight, bias }: LinearHead): boolean {
  const learns = weight.requiresGrad || bias?.requiresGrad === true;
  return !recording() && !(learns && native().gradMode());
}

export interface LinearCrossEntropyOptions {
  readonly reduction?: 'none' | 'mean' | 'sum';
  /** Rows whose logits are held at a time; 0 or nothing: as many as 32 MiB (on a device 128 MiB) take. */
  readonly chunk?: number;
}

/**
 * −log softmax(logits)[label] of the rows of `hidden` (N, C) under a frozen head, in nats and float32 whatever the type
 * of the model: mean over the labels (N) int64 that are not −100 (NaN without any), sum, or one for each row. Where
 * `hidden` wants a gradient, it is made here; backward only scales it.
 * @throws TENSOR_OP_FAILED for a label outside the vocabulary, or where weight or bias want a gradient
 */
export function linearCrossEntropy(
  hidden: Tensor,
  { weight, bias, scale, softcap }: LinearHead,
  labels: Tensor,
  { reduction = 'mean', chunk = 0 }: LinearCrossEntropyOptions = {},
): Tensor {
  const how = ['none', 'mean', 'sum'].indexOf(reduction);
  return linearCrossEntropyOp(hidden, weight, bias, labels, scale, softcap ?? 0, -100, how, chunk);
}
