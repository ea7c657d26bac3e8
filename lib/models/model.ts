// What every architecture offers to the stages: logits from tokens, parameters by their stored names, its shape.
import type { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import type { PassOptions } from '../nn/pass.js';
import type { WeightSource } from '../nn/weight_source.js';
import type { LinearHead } from '../tensor/linear_cross_entropy.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Block } from './blocks.js';
import type { SizeKeys } from './sizes.js';

/** config.json as read: unknown keys are carried to the export unchanged. */
export type RawConfig = Readonly<Record<string, unknown>>;

export interface Model extends Module {
  readonly config: RawConfig;
  /** Rows of the embedding. */
  readonly vocabulary: number;
  /** Longest sequence that positions are defined for. */
  readonly context: number;
  /** A text longer than this needs a cache of its own (LongRoPE turns it otherwise); null for nearly all models. */
  readonly cacheBreak: number | null;
  /**
   * tokens (B, T) int64 → logits (B, T, V).
   * @throws CONTEXT_EXCEEDED when they and the cache are longer than `context`
   */
  forward(tokens: Tensor, pass?: PassOptions): Tensor;
  /** tokens (B, T) → last hidden states after the final norm (B, T, C). @throws as {@link forward} */
  hidden(tokens: Tensor, pass?: PassOptions): Tensor;
  /** {@link hidden} in steps, for who holds one layer at a time: tokens (B, T) → what the first layer reads (B, T, C). */
  embed(tokens: Tensor): Tensor;
  /** x (B, T, C) → what layer `i` makes of it; `tokens` as embed() was given them. */
  layer(i: number, x: Tensor, tokens: Tensor, pass?: PassOptions): Tensor;
  readonly blocks: readonly Block[];
  /** What the last layer made (B, T, C) → {@link hidden} */
  finish(x: Tensor): Tensor;
  /** hidden (…, C) → logits (…, V) */
  head(hidden: Tensor): Tensor;
  /** {@link head} as data, for who computes its loss without its logits; null where a module watches or changes it. */
  readonly linearHead: LinearHead | null;
  /** The linears of the blocks, which carry LoRA, by module path. */
  linears(): Map<string, Linear>;
}

/** One family of models: one file in lib/models, one line in the registry. */
export interface Architecture {
  /** Does config.json describe this family? */
  matches(config: RawConfig): boolean;
  /** Builds the model; weights by stored name. Throws CHECKPOINT_UNSUPPORTED on options it does not compute. */
  build(config: RawConfig, weights: WeightSource): Model;
  /** Keys of config.json that say the sizes which a cut changes. */
  readonly sizes: SizeKeys;
  /** What embeddings are multiplied by, where that depends on the width (Gemma). */
  readonly embeddingScale?: (config: RawConfig) => number;
}
