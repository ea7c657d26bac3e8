// What all layers of one forward pass share: where its tokens stand, which of them see which, and the cache.
import { LoraShearError } from '../errors.js';
import type { Checkpoints } from '../tensor/checkpointing.js';
import type { DType } from '../tensor/dtype.js';
import { fromTypedArray } from '../tensor/from_typed_array.js';
import { indexSelect, reshape, slice, to } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { firstSeen } from './first_seen.js';
import type { KvCache } from './kv_cache.js';
import type { Module } from './module.js';
import type { Rotation, RotationTable } from './rope.js';
import { type TokenTree, type TreeRow, markVisible, treeRow } from './token_tree.js';

/** What somebody who knows the outputs of attentions and feed-forwards does to a pass. */
export interface PartHooks {
  /** The part's output (B, T, C), which is then not computed; null: it adds nothing. */
  readonly given?: ((part: Module) => Tensor | null | undefined) | undefined;
  /** Told what a part computed. */
  readonly made?: ((part: Module, output: Tensor) => void) | undefined;
  /** What a part puts out, a half adds to the stream, or a norm makes of the sum, becomes this. */
  readonly written?: ((y: Tensor) => Tensor) | undefined;
}

export interface PassOptions {
  readonly hooks?: PartHooks | undefined;
  /**
   * Rows of 0 and 1 (B, S), one for every token in the cache and in this pass: 0 is padding, left or right, which no
   * token sees and which does not count for positions. Default: no padding.
   */
  readonly mask?: readonly (readonly number[])[] | null | undefined;
  /** Rows that are several texts with one beginning, each row one tree; goes with neither mask nor cache. */
  readonly trees?: readonly TokenTree[] | undefined;
  /** Keys and values of the tokens before these; the pass appends its own. */
  readonly cache?: KvCache | null | undefined;
  /** Blocks keep only their inputs; the caller's backward goes through these. */
  readonly checkpoints?: Checkpoints | undefined;
  /**
   * The document of every token (B·T, row by row), where a row holds several one behind the other: no token sees
   * another document, and positions begin again with each. Not together with a mask or a cache.
   */
  readonly segments?: Int32Array | undefined;
}

/** How attention is to hide keys: by libtorch's own causal rule, by a mask (B or 1, 1, T, S), or not at all. */
export interface Visibility {
  readonly causal: boolean;
  readonly mask: Tensor | null;
}

/** Made and disposed by the model; its tensors live as long as it does. */
export class Pass {
  readonly batch: number;
  readonly length: number;
  /** Tokens before this pass's. */
  readonly past: number;
  readonly cache: KvCache | null;
  readonly device: string;
  readonly checkpoints: Checkpoints | undefined;
  readonly hooks: PartHooks | undefined;
  readonly #mask: readonly (readonly number[])[] | null;
  /** Where the document of each token begins in its row (B·T); null where every row is one document. */
  readonly #starts: Int32Array | null;
  readonly #trees: readonly TreeRow[] | null;
  readonly #masks = new Map<string, Tensor>();
  readonly #firsts = new Map<number, Tensor | null>();
  readonly #rotations = new Map<RotationTable, Rotation>();
  readonly #positions = new Map<number, Tensor>();
  readonly #owned: Tensor[] = [];

  /** @param tokens (B, T) @throws CONFIG_INVALID for a mask or segments of another size, or both */
  constructor(
    tokens: Tensor,
    readonly dtype: DType,
    { mask = null, trees, cache = null, checkpoints, hooks, segments }: PassOptions = {},
  ) {
    this.checkpoints = checkpoints;
    this.hooks = hooks;
    const [batch, length] = tokens.shape as [number, number];
    this.batch = batch;
    this.length = length;
    this.cache = cache;
    this.past = cache?.length ?? 0;
    this.device = tokens.device;
    const total = this.total;
    if (mask && (mask.length !== batch || mask.some((row) => row.length !== total))) {
      throw new LoraShearError(
        'CONFIG_INVALID',
        `the mask has ${mask.length} rows of ${mask[0]?.length ?? 0}, the tokens ${batch} of ${total}`,
        { hint: 'give one 0 or 1 for every token, those in the cache included' },
      );
    }
    this.#mask = mask?.some((row) => row.includes(0)) ? mask : null;
    if (trees && (mask || cache || segments || trees.length !== batch)) {
      throw new LoraShearError(
        'CONFIG_INVALID',
        'trees of tokens stand for mask, cache and segments',
        {
          hint: `give one tree for each of the ${batch} rows, and none of these`,
        },
      );
    }
    this.#trees = trees?.map((tree) => treeRow(tree, length)) ?? null;
    this.#starts = segments ? this.#startsOf(segments) : null;
  }

  /** Tokens that a query may look back on, this pass's included. */
  get total(): number {
    return this.past + this.length;
  }

  /** Whether every row is one text without padding. */
  get #whole(): boolean {
    return !this.#mask && !this.#trees && !this.#starts;
  }

  /** Tokens of the longest text; in rows that are no trees, padding counts. */
  get longest(): number {
    return this.#trees ? this.#span : this.total;
  }

  /** Positions of the longest text: padding has none. */
  get #span(): number {
    if (this.#trees) return Math.max(...this.#trees.flatMap(({ positions }) => positions)) + 1;
    if (this.#starts)
      return this.#starts.reduce((span, s, i) => Math.max(span, (i % this.length) - s + 1), 1);
    const ones = (row: readonly number[]): number => row.reduce((sum, one) => sum + one, 0);
    return this.#mask ? Math.max(1, ...this.#mask.map(ones)) : this.total;
  }

  /** Which keys the queries see; with a window, only the last `window` of them. Without need there is no mask. */
  visibility(window: number | null): Visibility {
    const narrow = window !== null && this.total > window;
    const plain = this.#whole && !narrow && (this.past === 0 || this.length === 1);
    if (plain) return { causal: this.length > 1, mask: null };
    return { causal: false, mask: this.#maskOf(window, false) };
  }

  /**
   * The first token that each query sees, int32 (B or 1, T), where it sees all from there to itself; null where that is
   * the row's first. Undefined where it sees others, or is one alone: {@link visibility} serves both.
   */
  firstSeen(window: number | null): { readonly first: Tensor | null } | undefined {
    if (this.length === 1 || this.#trees) return undefined;
    const narrow = window !== null && this.total > window;
    if (this.#whole && !narrow) return { first: null };
    const width = narrow ? window : this.total;
    let first = this.#firsts.get(width);
    if (first === undefined) {
      const { batch, length, past } = this;
      const rows = { batch, length, past, mask: this.#mask, starts: this.#starts };
      const found = firstSeen(rows, width);
      const shape = [(found?.length ?? 0) / length, length];
      first = found && this.#own(fromTypedArray(found, shape, 'int32'));
      this.#firsts.set(width, first);
    }
    return first ? { first } : undefined;
  }

  /** The opposite, for scores that are written out: 1 where a query does not see a key (B or 1, 1, T, S). */
  hidden(window: number | null): Tensor {
    return this.#maskOf(window, true);
  }

  #maskOf(window: number | null, inverted: boolean): Tensor {
    const width = Math.min(window ?? this.total, this.total);
    const key = `${width}:${inverted}`;
    let mask = this.#masks.get(key);
    if (!mask) this.#masks.set(key, (mask = this.#own(this.#visible(width, inverted))));
    return mask;
  }

  /** Cosines and sines (T, D) of this pass's positions, or (B, 1, T, D) where rows start at different places. */
  rotation(table: RotationTable): Rotation {
    const known = this.#rotations.get(table);
    if (known) return known;
    this.#refuseMixedLengths(table);
    // Generation asks for every length in turn: its tables are made for more.
    const whole = table.at(this.#span, this.device, this.dtype, this.past === 0);
    const own = (x: Tensor): Tensor => this.#own(this.#placed(x));
    const rotation =
      this.#whole && this.past === 0 && whole.length === this.length
        ? whole
        : { ...whole, cos: own(whole.cos), sin: own(whole.sin), length: this.length };
    this.#rotations.set(table, rotation);
    return rotation;
  }

  /** Position of every token (B or 1, T) int64, plus `offset`; padding has position 0. */
  positions(offset = 0): Tensor {
    const known = this.#positions.get(offset);
    if (known) return known;
    const values = this.#places().map((place) => place + offset);
    const shape = [values.length / this.length, this.length];
    const made = this.#own(longTensorOn(this.device, values, shape));
    this.#positions.set(offset, made);
    return made;
  }

  /** Place of every token in its text (B or 1, T), row by row. */
  #places(): number[] {
    if (this.#starts) return Array.from(this.#starts, (s, i) => (i % this.length) - s);
    if (this.#trees) return this.#trees.flatMap(({ positions }) => positions);
    const rows = this.#mask ?? [Array<number>(this.total).fill(1)];
    return rows.flatMap((row) => {
      let next = 0;
      return row.map((one) => (one === 0 ? 0 : next++)).slice(this.past);
    });
  }

  #startsOf(segments: Int32Array): Int32Array | null {
    const { batch, length } = this;
    if (segments.length !== batch * length || this.#mask || this.past > 0) {
      throw new LoraShearError(
        'CONFIG_INVALID',
        segments.length === batch * length
          ? 'documents in one row go with neither a mask nor a cache'
          : `${segments.length} tokens have a document, of ${batch} × ${length}`,
        { hint: 'give the document of every token, and nothing else that hides one' },
      );
    }
    const starts = new Int32Array(segments.length);
    for (let i = 0; i < starts.length; i++) {
      const inside = i % length > 0 && segments[i] === segments[i - 1];
      starts[i] = inside ? (starts[i - 1] as number) : i % length;
    }
    return starts.some((start) => start > 0) ? starts : null;
  }

  /** Where positions turn otherwise in longer texts, those of one row would need tables of their own. */
  #refuseMixedLengths({ frequencies: { breaksAt } }: RotationTable): void {
    if (!this.#starts || breaksAt === null || this.#span <= breaksAt) return;
    throw new LoraShearError(
      'CONFIG_INVALID',
      `this model turns positions otherwise in texts of more than ${breaksAt} tokens, and a row of several documents has one of ${this.#span}`,
      { hint: 'give rows of one document, or shorter ones' },
    );
  }

  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
    this.#owned.length = 0;
  }

  #own(tensor: Tensor): Tensor {
    this.#owned.push(keep(tensor));
    return tensor;
  }

  /** Rows of a table (S, D) at this pass's positions. */
  #placed(table: Tensor): Tensor {
    if (this.#whole) return slice(table, 0, this.past, this.total);
    const [D] = table.shape.slice(-1) as [number];
    return scoped(() => {
      const flat = reshape(this.positions(), [this.batch * this.length]);
      return reshape(indexSelect(table, 0, flat), [this.batch, 1, this.length, D]);
    });
  }

  /** (B or 1, 1, T, S): 1 where a key is not after the query, in its document and window, and no padding; or the opposite. */
  #visible(window: number, inverted: boolean): Tensor {
    const { length, past, total } = this;
    const starts = this.#starts;
    const rows = this.#trees ?? this.#mask ?? Array<null>(starts ? this.batch : 1).fill(null);
    const bits = new Uint8Array(rows.length * length * total);
    rows.forEach((row, b) => {
      if (row && 'positions' in row) {
        markVisible(row, window, bits.subarray(b * length * total, (b + 1) * length * total));
        return;
      }
      for (let t = 0; t < length; t++) {
        const at = past + t;
        const base = (b * length + t) * total;
        const first = Math.max(starts?.[b * length + t] ?? 0, at - window + 1);
        for (let s = first; s < at; s++) bits[base + s] = row?.[s] ?? 1;
        bits[base + at] = 1; // padding sees itself, because a softmax over nothing is no number
      }
    });
    if (inverted) bits.forEach((bit, i) => (bits[i] = 1 - bit));
    const mask = fromTypedArray(bits, [rows.length, 1, length, total], 'bool');
    if (this.device === 'cpu') return mask;
    const moved = to(mask, this.device, 'bool');
    mask.dispose();
    return moved;
  }
}
