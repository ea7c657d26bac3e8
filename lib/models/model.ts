// What every architecture offers to the stages: logits from tokens, parameters by their stored names, its shape.
import type { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import type { WeightSource } from '../nn/weight_source.js';
import type { Tensor } from '../tensor/tensor.js';

/** config.json as read: unknown keys are carried to the export unchanged. */
export type RawConfig = Readonly<Record<string, unknown>>;

export interface Model extends Module {
  readonly config: RawConfig;
  /** Rows of the embedding. */
  readonly vocabulary: number;
  /** Longest sequence that positions are defined for. */
  readonly context: number;
  /** tokens (B, T) int64 → logits (B, T, V) */
  forward(tokens: Tensor): Tensor;
  /** tokens (B, T) → last hidden states after the final norm (B, T, C) */
  hidden(tokens: Tensor): Tensor;
  /** hidden (…, C) → logits (…, V) */
  head(hidden: Tensor): Tensor;
  /** The linears of the blocks, which carry LoRA, by module path. */
  linears(): Map<string, Linear>;
}

/** Widths that a cut may change, one number for all layers (conventions §3.3). */
export interface CutWidths {
  readonly kvHeads: number;
  readonly channels: number;
}

/** One family of models: one file in lib/models, one line in the registry. */
export interface Architecture {
  /** Does config.json describe this family? */
  matches(config: RawConfig): boolean;
  /** Builds the model; weights by stored name. Throws CHECKPOINT_UNSUPPORTED on options it does not compute. */
  build(config: RawConfig, weights: WeightSource): Model;
  /** config.json of the same model with fewer kv heads (their query heads go with them) and channels. */
  resize(config: RawConfig, widths: CutWidths): RawConfig;
}
