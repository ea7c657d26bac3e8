// One optimiser step on a batch: in parts that fit into memory, with or without activation checkpoints.
import { loraDropout } from '../lora/lora.js';
import type { Model } from '../models/model.js';
import type { PassOptions } from '../nn/pass.js';
import { backward, remaking } from '../tensor/autograd.js';
import { Checkpoints } from '../tensor/checkpointing.js';
import { add, detach, scale, zeros } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from './adamw.js';
import { type TokenBatch, targetCount } from './language_model_loss.js';
import type { Checkpointing, Memory } from './memory.js';
import { lossOfStep, queueStep } from './step.js';
import type { StepGraphs } from './step_graph.js';

export interface BatchOptions extends Memory {
  readonly learningRate: number;
  /** Largest L2 norm of all gradients together. */
  readonly clip: number;
  /** Where steps are recorded as graphs of the device: rows of plain text, without checkpointed blocks. */
  readonly graphs?: StepGraphs | null | undefined;
}

/**
 * One step on the mean loss over all targets of `batch`. `lossOf` gives the mean over the targets of some rows.
 * @throws PRUNE_DIVERGED when the loss or a gradient is not finite; parameters and moments are then untouched
 */
export function trainOnBatch(
  model: Model,
  batch: TokenBatch,
  lossOf: (rows: TokenBatch, pass: PassOptions) => Tensor,
  optimizer: AdamW,
  { microBatch, checkpointing, learningRate, clip, graphs }: BatchOptions,
): number {
  const queue = (parts: readonly TokenBatch[], rate: number | Tensor): Tensor => {
    const targets = parts.map(targetCount);
    const all = targets.reduce((sum, n) => sum + n, 0);
    const accumulate = (): Tensor =>
      parts
        .flatMap((rows, i) => {
          const share = parts.length === 1 ? 1 : (targets[i] ?? 0) / all;
          if (share === 0) return [];
          return gradients(model, (pass) => lossOf(rows, pass), share, checkpointing);
        })
        .reduce((a, b) => add(a, b), zeros([], 'float32', model.device));
    return queueStep(accumulate, optimizer, { learningRate: rate, clip });
  };
  const parts = microBatches(batch, microBatch ?? batch.batch);
  // Checkpoints ask random streams for their state, and rows with labels or documents differ in more than their tokens.
  const alike = checkpointing !== 'blocks' && !batch.labels && !batch.segments;
  return lossOfStep(() =>
    graphs && alike
      ? graphs.step(parts, model.device, learningRate, queue)
      : queue(parts, learningRate),
  );
}

/** Leaves the gradients of a part of the loss, and gives that part. */
function gradients(
  model: Model,
  lossOf: (pass: PassOptions) => Tensor,
  share: number,
  checkpointing: Checkpointing,
): Tensor {
  return scoped(() => {
    const stream = loraDropout(model)?.stream;
    using checkpoints =
      checkpointing === 'blocks' ? new Checkpoints({ streams: stream ? [stream] : [] }) : undefined;
    const forward = (): Tensor => lossOf(checkpoints ? { checkpoints } : {});
    const loss = checkpointing === 'selective' ? remaking(forward) : forward();
    const part = share === 1 ? loss : scale(loss, share);
    if (checkpoints) checkpoints.backward(part);
    else backward(part);
    return detach(part);
  });
}

function microBatches(batch: TokenBatch, rows: number): TokenBatch[] {
  if (rows >= batch.batch) return [batch];
  const { ids, labels, segments, length } = batch;
  return Array.from({ length: Math.ceil(batch.batch / rows) }, (_, i) => {
    const end = Math.min((i + 1) * rows, batch.batch);
    const part = (all: Int32Array): Int32Array => all.subarray(i * rows * length, end * length);
    return {
      ...{ ids: part(ids), batch: end - i * rows, length },
      ...(labels ? { labels: part(labels) } : {}),
      ...(segments ? { segments: part(segments) } : {}),
    };
  });
}
