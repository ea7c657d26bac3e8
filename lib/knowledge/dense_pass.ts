// One pass of the whole model on a batch, and what trials reuse of it: the state in front of every layer, outputs of its parts.
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import { reshape, slice, softmax, sumAll, to } from '../tensor/ops.js';
import { deviations } from '../tensor/deviations.js';
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
  readonly #itself: { nats: number; cross: number };
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
    const probabilities: Tensor[] = [];
    this.#probabilities = probabilities;
    this.#itself = this.#beside(this.states.at(-1) as Tensor, (logits) => {
      const p = this.#own(softmax(to(logits, logits.device, 'float32'), -1));
      probabilities.push(p);
      return p;
    });
    this.loss = this.#itself.nats / (batch.batch * this.#rows);
  }

  /** How far the model is from the dense one that ends with `x` (B, T, C), what its last layer made. */
  deviation(x: Tensor): Deviation {
    const { nats, cross } = this.#beside(x, (_, i) => this.#probabilities[i] as Tensor);
    const count = this.batch.batch * this.#rows;
    return { loss: nats / count, kl: (this.#itself.cross - cross) / count };
  }

  /** −ln q of all targets, and Σ p·ln q over all words, q of the model that ends with `x` and p of the dense one. */
  #beside(
    x: Tensor,
    probabilities: (logits: Tensor, part: number) => Tensor,
  ): { nats: number; cross: number } {
    let [nats, cross] = [0, 0];
    this.#logits(x, (logits, i) => {
      const p = probabilities(logits, i);
      const [ofTargets, ofAll] = deviations(logits, p, this.#targets[i] as Tensor);
      nats += sumAll(ofTargets).item();
      cross += sumAll(ofAll).item();
    });
    return { nats, cross };
  }

  /** Calls `use` with logits (rows, V) of the targets' positions, part by part. */
  #logits(x: Tensor, use: (logits: Tensor, part: number) => void): void {
    scoped(() => {
      const hidden = this.model.finish(x);
      const width = hidden.extent(2);
      const read = reshape(slice(hidden, 1, 0, this.#rows), [-1, width]);
      chunks(read, this.#targets.length).forEach((rows, i) => {
        scoped(() => {
          use(this.model.head(rows), i);
        });
      });
    });
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
