// One pass of the whole model on a batch, and what trials reuse of it: the state in front of every layer, outputs of its parts.
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import {
  exp,
  logSoftmax,
  mul,
  mul_,
  nllLoss,
  reshape,
  slice,
  sumAll,
  to,
} from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TokenBatch, targetsOf, tokensOf } from '../train/language_model_loss.js';

/** Numbers of the vocabulary's distribution that are computed at a time. */
const mostLogits = 2 ** 24;

export interface Deviation {
  /** nats per target */
  readonly loss: number;
  /** KL(dense ‖ changed) in nats per target */
  readonly kl: number;
}

/**
 * The dense model's pass. Keeps the states in front of the layers (B, T, C), the outputs of attentions and
 * feed-forwards, the inputs of the linears that are asked for, and the distribution over the vocabulary of every
 * target, until it is disposed. Under noGrad().
 */
export class DensePass {
  readonly tokens: Tensor; // (B, T)
  /** states[l] is what layer l reads. */
  readonly states: readonly Tensor[];
  readonly outputs = new Map<Module, Tensor>();
  readonly inputs = new Map<Linear, Tensor>();
  readonly loss: number;
  readonly #targets: readonly Tensor[]; // flat, in parts of rows
  readonly #probabilities: readonly Tensor[]; // (rows, V) float32
  readonly #negentropy: number; // Σ p·ln p
  readonly #rows: number; // of one text: targets
  readonly #owned: Tensor[] = [];

  /** @param observed linears whose inputs are kept */
  constructor(
    readonly model: Model,
    readonly batch: TokenBatch,
    observed: Iterable<Linear>,
  ) {
    const linears = [...observed];
    this.tokens = this.#own(tokensOf(batch, model.device));
    this.#rows = batch.length - 1;
    for (const linear of linears) {
      linear.observer = (x) => this.inputs.set(linear, this.#own(x));
    }
    try {
      const states = [this.#own(model.embed(this.tokens))];
      const hooks = {
        made: (part: Module, y: Tensor): void => void this.outputs.set(part, this.#own(y)),
      };
      for (const i of model.blocks.keys()) {
        states.push(this.#own(model.layer(i, states[i] as Tensor, this.tokens, { hooks })));
      }
      this.states = states;
    } finally {
      for (const linear of linears) linear.observer = null;
    }
    const parts = Math.ceil((batch.batch * this.#rows * model.vocabulary) / mostLogits);
    this.#targets = chunks(targetsOf(batch, model.device), parts).map((x) => this.#own(x));
    let [nats, negentropy] = [0, 0];
    const probabilities: Tensor[] = [];
    this.#logProbabilities(this.states.at(-1) as Tensor, (logs, i) => {
      const p = this.#own(exp(logs));
      probabilities.push(p);
      negentropy += sumAll(mul(p, logs)).item();
      nats += this.#nats(logs, i);
    });
    this.#probabilities = probabilities;
    this.#negentropy = negentropy;
    this.loss = nats / (batch.batch * this.#rows);
  }

  /** How far the model is from the dense one that ends with `x` (B, T, C), what its last layer made. */
  deviation(x: Tensor): Deviation {
    let [nats, cross] = [0, 0];
    this.#logProbabilities(x, (logs, i) => {
      nats += this.#nats(logs, i);
      cross += sumAll(mul_(logs, this.#probabilities[i] as Tensor)).item(); // Σ p·ln q
    });
    const count = this.batch.batch * this.#rows;
    return { loss: nats / count, kl: (this.#negentropy - cross) / count };
  }

  /** Calls `use` with log-probabilities (rows, V) float32 of the targets' positions, part by part. */
  #logProbabilities(x: Tensor, use: (logs: Tensor, part: number) => void): void {
    scoped(() => {
      const hidden = this.model.finish(x);
      const width = hidden.extent(2);
      const read = reshape(slice(hidden, 1, 0, this.#rows), [-1, width]);
      chunks(read, this.#targets.length).forEach((rows, i) => {
        scoped(() => {
          const logits = this.model.head(rows);
          use(logSoftmax(to(logits, logits.device, 'float32'), -1), i);
        });
      });
    });
  }

  #nats(logs: Tensor, part: number): number {
    const targets = this.#targets[part] as Tensor;
    return nllLoss(logs, targets).item() * targets.size;
  }

  #own(tensor: Tensor): Tensor {
    this.#owned.push(keep(tensor));
    return tensor;
  }

  dispose(): void {
    for (const tensor of new Set(this.#owned)) tensor.dispose();
    this.#owned.length = 0;
  }
}

/** Rows of `x` in at most `parts` parts of about the same size. */
function chunks(x: Tensor, parts: number): Tensor[] {
  const rows = x.extent(0);
  if (parts <= 1) return [x];
  const size = Math.ceil(rows / parts);
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) =>
    slice(x, 0, i * size, Math.min(rows, (i + 1) * size)),
  );
}
