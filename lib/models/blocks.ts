// The residual blocks of the families: norms before, after, or shared by attention and feed-forward.
import { Module } from '../nn/module.js';
import type { Norm } from '../nn/norm.js';
import type { Pass } from '../nn/pass.js';
import { type WeightSource, below } from '../nn/weight_source.js';
import { add } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Sublayer } from './layer_config.js';

/** One layer of a model. */
export interface Block extends Module {
  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor, pass: Pass): Tensor;
}

/** Attention or a feed-forward. */
export interface Part extends Module {
  forward(x: Tensor, pass: Pass): Tensor;
}

/** How to make a part, by the name under which it is stored. */
export type Make<M extends Module> = readonly [name: string, make: (weights: WeightSource) => M];

export interface HalfParts {
  readonly part: Make<Part>;
  /** Applied to the part's input. */
  readonly before?: Make<Norm>;
  /** Applied to the part's output. */
  readonly after?: Make<Norm>;
  /** Applied to the sum of the part's input and output (post-norm); it stays where the part is skipped. */
  readonly afterSum?: Make<Norm>;
}

/** One half of a block: after(part(before(x))). */
type Half = (x: Tensor, pass: Pass) => Tensor;

abstract class TwoHalves extends Module {
  protected half(weights: WeightSource, { before, part, after }: HalfParts): Half {
    const run = [before, part, after]
      .filter((make) => make !== undefined)
      .map((make) => {
        const [name, build] = make;
        const module = this.child(name, build(below(weights, name)));
        return (x: Tensor, pass: Pass): Tensor => this.in(name, () => module.forward(x, pass));
      });
    return (x, pass) => run.reduce((h, step) => step(h, pass), x);
  }
}

export interface BlockParts {
  readonly attention: HalfParts;
  readonly mlp: HalfParts;
  /** Halves that this layer does not have. */
  readonly skip: ReadonlySet<Sublayer>;
}

/** x ← x + attention(x), then x ← x + mlp(x); each sum may be normalised. */
export class SequentialBlock extends TwoHalves implements Block {
  readonly #steps: readonly Half[];

  constructor(weights: WeightSource, { attention, mlp, skip }: BlockParts) {
    super();
    this.#steps = [
      ...this.#stepsOf(weights, attention, skip.has('attention')),
      ...this.#stepsOf(weights, mlp, skip.has('mlp')),
    ];
  }

  forward(x: Tensor, pass: Pass): Tensor {
    return scoped(() => this.#steps.reduce((h, step) => step(h, pass), x));
  }

  #stepsOf(weights: WeightSource, parts: HalfParts, skipped: boolean): Half[] {
    const steps: Half[] = [];
    if (!skipped) {
      const half = this.half(weights, parts);
      steps.push((x, pass) => add(x, half(x, pass)));
    }
    if (parts.afterSum) steps.push(this.half(weights, { part: parts.afterSum }));
    return steps;
  }
}

/** x ← x + attention(x) + mlp(x), each behind its own norm, or both behind a shared one. */
export class ParallelBlock extends TwoHalves implements Block {
  readonly #shared: Half;
  readonly #halves: readonly Half[];

  constructor(
    weights: WeightSource,
    { attention, mlp, skip, shared }: BlockParts & { readonly shared?: Make<Norm> },
  ) {
    super();
    this.#shared = shared ? this.half(weights, { part: shared }) : (x) => x;
    this.#halves = [
      ...(skip.has('attention') ? [] : [this.half(weights, attention)]),
      ...(skip.has('mlp') ? [] : [this.half(weights, mlp)]),
    ];
  }

  forward(x: Tensor, pass: Pass): Tensor {
    return scoped(() => {
      const h = this.#shared(x, pass);
      return this.#halves.map((half) => half(h, pass)).reduce((sum, y) => add(sum, y), x);
    });
  }
}
