// The frame of every decoder-only model: embed the tokens, run the blocks, normalise, score the vocabulary.
import { LoraShearError } from '../errors.js';
import { Embedding } from '../nn/embedding.js';
import { Linear } from '../nn/linear.js';
import { Module } from '../nn/module.js';
import type { Norm } from '../nn/norm.js';
import { Pass, type PassOptions } from '../nn/pass.js';
import type { RotationTable } from '../nn/rope.js';
import { type WeightSource, below } from '../nn/weight_source.js';
import type { LinearHead } from '../tensor/linear_cross_entropy.js';
import { add, full, mul, scale, tanh } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Block } from './blocks.js';
import type { Model, RawConfig } from './model.js';

/** What a family says of its frame. Names are those of the stored tensors. */
export interface DecoderParts {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly context: number;
  readonly block: (weights: WeightSource, layer: number) => Block;
  /** The last norm; none in a few old models. */
  readonly norm: ((weights: WeightSource) => Norm) | null;
  /** The output matrix is the embedding's. */
  readonly tied: boolean;
  /** Tables that the blocks share; the model disposes them. */
  readonly rotations?: readonly RotationTable[];
  /** `model` in `model.layers.0…`; dots are levels. */
  readonly stack?: string;
  readonly names?: {
    readonly embedding?: string;
    readonly layers?: string;
    readonly norm?: string;
    readonly head?: string;
  };
  readonly headBias?: boolean;
  /** The embedding is multiplied by this, rounded to the model's dtype. */
  readonly embeddingScale?: number;
  /** Logits are squeezed into (−cap, cap) by a tanh. */
  readonly softcap?: number | null;
  /** Logits are multiplied by this. */
  readonly logitScale?: number;
  /** A learned vector for each position, `offset` rows in front of the first. */
  readonly positions?: { readonly name: string; readonly offset: number };
  /** Norm of the embeddings (`name`), before the blocks. */
  readonly embeddingNorm?: readonly [name: string, make: (weights: WeightSource) => Norm];
  /** Width of the embedding where it is not the blocks', and the bias-free projections between the two. */
  readonly projected?: { readonly width: number; readonly into: string; readonly out: string };
}

class Stack extends Module {
  readonly tokens: Embedding;
  readonly #positions: Embedding | null = null;
  readonly #into: Linear | null = null;
  readonly #out: Linear | null = null;
  readonly #embeddingNorm: Norm | null = null;
  readonly blocks: readonly Block[];
  readonly #norm: Norm | null;

  constructor(
    weights: WeightSource,
    readonly parts: DecoderParts,
  ) {
    super();
    const { vocabulary, width, names = {}, positions, projected, embeddingNorm } = parts;
    const make = <M extends Module>(name: string, build: (w: WeightSource) => M): M =>
      this.child(name, build(below(weights, name)));
    const outer = projected?.width ?? width;
    this.tokens = make(
      names.embedding ?? 'embed_tokens',
      (w) => new Embedding(w, vocabulary, outer),
    );
    if (positions) {
      const rows = parts.context + positions.offset;
      this.#positions = make(positions.name, (w) => new Embedding(w, rows, width));
    }
    if (projected) {
      this.#out = make(projected.out, (w) => new Linear(w, width, outer));
      this.#into = make(projected.into, (w) => new Linear(w, outer, width));
    }
    if (embeddingNorm) this.#embeddingNorm = make(...embeddingNorm);
    this.blocks = Array.from({ length: parts.layers }, (_, i) =>
      make(`${this.#layers}.${i}`, (w) => parts.block(w, i)),
    );
    this.#norm = parts.norm ? make(names.norm ?? 'norm', parts.norm) : null;
  }

  get #layers(): string {
    return this.parts.names?.layers ?? 'layers';
  }

  /** tokens (B, T) → (B, T, C) */
  forward(tokens: Tensor, pass: Pass): Tensor {
    let x = this.embed(tokens, pass);
    for (const i of this.blocks.keys()) {
      const run = (h: Tensor): Tensor => this.layer(i, h, pass);
      x = pass.checkpoints ? pass.checkpoints.run(run, x) : run(x);
    }
    return this.finish(x);
  }

  /** tokens (B, T) → what the first block reads (B, T, C) */
  embed(tokens: Tensor, pass: Pass): Tensor {
    const { names = {}, positions, projected, embeddingScale, embeddingNorm } = this.parts;
    let x = this.#inside(names.embedding ?? 'embed_tokens', tokens, this.tokens);
    if (embeddingScale !== undefined) x = mul(x, full([], embeddingScale, x.dtype, x.device));
    x = this.#inside(projected?.into ?? '', x, this.#into);
    if (positions && this.#positions) {
      const rows = this.#positions;
      const at = pass.positions(positions.offset);
      x = add(
        x,
        this.in(positions.name, () => rows.forward(at)),
      );
    }
    return this.#inside(embeddingNorm?.[0] ?? '', x, this.#embeddingNorm);
  }

  /** x (B, T, C) → (B, T, C) */
  layer(i: number, x: Tensor, pass: Pass): Tensor {
    const block = this.blocks[i] as Block;
    return this.in(`${this.#layers}.${i}`, () => block.forward(x, pass));
  }

  /** What the last block made (B, T, C) → what the head reads. */
  finish(x: Tensor): Tensor {
    const { names = {}, projected } = this.parts;
    return this.#inside(
      projected?.out ?? '',
      this.#inside(names.norm ?? 'norm', x, this.#norm),
      this.#out,
    );
  }

  #inside(name: string, x: Tensor, module: { forward(x: Tensor): Tensor } | null): Tensor {
    return module ? this.in(name, () => module.forward(x)) : x;
  }
}

/** A decoder-only model made of a family's parts. */
export class Decoder extends Module implements Model {
  readonly vocabulary: number;
  readonly context: number;
  readonly cacheBreak: number | null;
  readonly #stack: Stack;
  readonly #head: Linear | null; // null when tied to the embedding

  constructor(
    readonly config: RawConfig,
    weights: WeightSource,
    readonly parts: DecoderParts,
  ) {
    super();
    const { vocabulary, width, projected, headBias, tied, rotations = [] } = parts;
    this.vocabulary = vocabulary;
    this.context = parts.context;
    const breaks = rotations.flatMap(({ frequencies: { breaksAt } }) => breaksAt ?? []);
    this.cacheBreak = breaks.length > 0 ? Math.min(...breaks) : null;
    this.#stack = this.child(this.#stackName, new Stack(below(weights, this.#stackName), parts));
    this.#head = tied
      ? null
      : this.child(
          this.#headName,
          new Linear(
            below(weights, this.#headName),
            projected?.width ?? width,
            vocabulary,
            headBias ?? false,
          ),
        );
  }

  get #stackName(): string {
    return this.parts.stack ?? 'model';
  }

  get #headName(): string {
    return this.parts.names?.head ?? 'lm_head';
  }

  forward(tokens: Tensor, pass?: PassOptions): Tensor {
    return scoped(() => this.head(this.hidden(tokens, pass)));
  }

  hidden(tokens: Tensor, options: PassOptions = {}): Tensor {
    return this.#during(tokens, options, (pass) => this.#stack.forward(tokens, pass));
  }

  embed(tokens: Tensor): Tensor {
    return this.#during(tokens, {}, (pass) => this.#stack.embed(tokens, pass));
  }

  layer(i: number, x: Tensor, tokens: Tensor, options: PassOptions = {}): Tensor {
    return this.#during(tokens, options, (pass) => this.#stack.layer(i, x, pass));
  }

  get blocks(): readonly Block[] {
    return this.#stack.blocks;
  }

  finish(x: Tensor): Tensor {
    return scoped(() => this.in(this.#stackName, () => this.#stack.finish(x)));
  }

  #during(tokens: Tensor, options: PassOptions, run: (pass: Pass) => Tensor): Tensor {
    const pass = new Pass(tokens, this.#stack.tokens.weight.dtype, options);
    try {
      this.#refuseTooLong(pass.longest);
      const hidden = scoped(() => this.in(this.#stackName, () => run(pass)));
      pass.cache?.advance(pass.length);
      return hidden;
    } finally {
      // Blocks that run again in backward need what the pass holds.
      if (options.checkpoints) options.checkpoints.adopt(pass);
      else pass.dispose();
    }
  }

  head(hidden: Tensor): Tensor {
    const { softcap, logitScale } = this.parts;
    return this.in(this.#headName, () => {
      let logits = this.#head ? this.#head.forward(hidden) : this.#stack.tokens.score(hidden);
      if (logitScale !== undefined) logits = scale(logits, logitScale);
      return typeof softcap === 'number'
        ? scale(tanh(scale(logits, 1 / softcap)), softcap)
        : logits;
    });
  }

  get linearHead(): LinearHead | null {
    const { softcap = null, logitScale: scale = 1 } = this.parts;
    if (this.#head && !this.#head.isPlain) return null;
    const { weight } = this.#head ?? this.#stack.tokens;
    return scale > 0 ? { weight, bias: this.#head?.bias ?? null, scale, softcap } : null;
  }

  linears(): Map<string, Linear> {
    const found = new Map<string, Linear>();
    for (const [name, module] of this.#stack.modules(this.#stackName)) {
      if (module instanceof Linear) found.set(name, module);
    }
    return found;
  }

  override dispose(): void {
    super.dispose();
    for (const table of this.parts.rotations ?? []) table.dispose();
  }

  #refuseTooLong(total: number): void {
    if (total <= this.context) return;
    throw new LoraShearError(
      'CONTEXT_EXCEEDED',
      `${total} tokens were given to a model for at most ${this.context}`,
      {
        hint: 'give fewer tokens, or score a long text in windows (`score --max-length`)',
        facts: { tokens: total, context: this.context },
      },
    );
  }
}
