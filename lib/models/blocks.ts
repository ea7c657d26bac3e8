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
  /** Attention and feed-forward, without their norms; a half that the layer lacks is not there. */
  readonly parts: ReadonlyMap<Sublayer, Module>;
  /** The feed-forward reads what attention wrote; else both read the same. */
  readonly sequential: boolean;
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

/** One half of a block: after(part(before(x))); null where it adds nothing (see {@link PartHooks}). */
type Half = (x: Stream, pass: Pass) => Tensor | null;

/** What goes through a block. What a half adds waits for a norm that reads the sum: one operator computes both. */
class Stream {
  #added: Tensor | null = null;

  constructor(private x: Tensor) {}

  add(y: Tensor | null): void {
    if (!y) return;
    this.sum();
    this.#added = y;
  }

  become(y: Tensor | null): void {
    this.x = y ?? this.sum();
    this.#added = null;
  }

  sum(): Tensor {
    if (this.#added) this.x = add(this.x, this.#added);
    this.#added = null;
    return this.x;
  }

  /** The norm of the sum; `run` calls the norm where the sum is there already. */
  normed(norm: Norm, run: (x: Tensor) => Tensor): Tensor {
    const both = this.#added && norm.ofSum?.(this.x, this.#added);
    if (!both) return run(this.sum());
    [this.x] = both;
    this.#added = null;
    return both[1];
  }
}

abstract class TwoHalves extends Module {
  readonly parts = new Map<Sublayer, Module>();

  protected half(
    weights: WeightSource,
    { before, part, after }: HalfParts,
    sublayer?: Sublayer,
  ): Half {
    const make = <M extends Norm | Part>(named: Make<M> | undefined) => {
      if (!named) return null;
      const [name, build] = named;
      const module = this.child(name, build(below(weights, name)));
      const run = (x: Tensor, pass: Pass): Tensor => this.in(name, () => module.forward(x, pass));
      return { module, run };
    };
    const [first, middle, last] = [make(before), make(part), make(after)];
    const module = middle?.module as Part;
    if (sublayer) this.parts.set(sublayer, module);
    return (x, pass) => {
      const { hooks } = pass;
      let y = sublayer && hooks?.given?.(module);
      if (y === null) return null;
      if (y === undefined) {
        const inside = first ? x.normed(first.module, (sum) => first.run(sum, pass)) : x.sum();
        y = middle?.run(inside, pass) ?? inside;
        if (sublayer) hooks?.made?.(module, y);
      }
      const written = (z: Tensor): Tensor => hooks?.written?.(z) ?? z;
      return written(last ? last.run(written(y), pass) : y);
    };
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
  readonly sequential = true;
  readonly #steps: readonly ((x: Stream, pass: Pass) => void)[];

  constructor(weights: WeightSource, { attention, mlp, skip }: BlockParts) {
    super();
    this.#steps = [
      ...this.#stepsOf(weights, attention, 'attention', skip),
      ...this.#stepsOf(weights, mlp, 'mlp', skip),
    ];
  }

  forward(x: Tensor, pass: Pass): Tensor {
    return scoped(() => {
      const stream = new Stream(x);
      for (const step of this.#steps) step(stream, pass);
      return stream.sum();
    });
  }

  #stepsOf(
    weights: WeightSource,
    parts: HalfParts,
    sublayer: Sublayer,
    skip: ReadonlySet<Sublayer>,
  ): ((x: Stream, pass: Pass) => void)[] {
    const steps: ((x: Stream, pass: Pass) => void)[] = [];
    if (!skip.has(sublayer)) {
      const half = this.half(weights, parts, sublayer);
      steps.push((x, pass) => x.add(half(x, pass)));
    }
    if (parts.afterSum) {
      const norm = this.half(weights, { part: parts.afterSum });
      steps.push((x, pass) => x.become(norm(x, pass)));
    }
    return steps;
  }
}

/** x ← x + attention(x) + mlp(x), each behind its own norm, or both behind a shared one. */
export class ParallelBlock extends TwoHalves implements Block {
  readonly sequential = false;
  readonly #shared: (x: Tensor, pass: Pass) => Tensor;
  readonly #halves: readonly Half[];

  constructor(
    weights: WeightSource,
    { attention, mlp, skip, shared }: BlockParts & { readonly shared?: Make<Norm> },
  ) {
    super();
    const [name, norm] = shared ?? [];
    const module = name !== undefined && norm ? this.child(name, norm(below(weights, name))) : null;
    this.#shared = (x) =>
      module && name !== undefined ? this.in(name, () => module.forward(x)) : x;
    this.#halves = [
      ...(skip.has('attention') ? [] : [this.half(weights, attention, 'attention')]),
      ...(skip.has('mlp') ? [] : [this.half(weights, mlp, 'mlp')]),
    ];
  }

  forward(x: Tensor, pass: Pass): Tensor {
    return scoped(() => {
      const h = this.#shared(x, pass);
      return this.#halves
        .map((half) => half(new Stream(h), pass))
        .reduce<Tensor>((sum, y) => (y ? add(sum, y) : sum), x);
    });
  }
}
