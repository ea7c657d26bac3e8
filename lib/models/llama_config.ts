// LLaMA's config.json, which many families share: the sizes we compute with, and a refusal of what we do not.
import { z } from 'zod';
import type { RawConfig } from './model.js';
import { checkHeads, positive, readConfigBy } from './read_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  hidden_act: z.string().default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export interface LlamaConfig {
  readonly width: number; // C
  readonly channels: number; // F
  readonly layers: number; // L
  readonly heads: number; // H
  readonly kvHeads: number; // K
  readonly headDim: number; // D
  readonly vocabulary: number; // V
  readonly context: number;
  readonly eps: number;
  readonly activation: string;
  readonly tied: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

/** @param family whose config it is, for errors @throws CHECKPOINT_INVALID for missing or impossible sizes */
export function llamaConfig(raw: RawConfig, family = 'LLaMA'): LlamaConfig {
  const c = readConfigBy(family, schema, raw);
  const kvHeads = c.num_key_value_heads ?? c.num_attention_heads;
  const headDim = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  checkHeads(c.num_attention_heads, kvHeads, headDim);
  return {
    width: c.hidden_size,
    channels: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads,
    headDim,
    vocabulary: c.vocab_size,
    context: c.max_position_embeddings,
    eps: c.rms_norm_eps,
    activation: c.hidden_act,
    tied: c.tie_word_embeddings,
    attentionBias: c.attention_bias,
    mlpBias: c.mlp_bias,
  };
}

/** Keys of the sizes in a config.json of this form. */
export const llamaSizes = {
  width: 'hidden_size',
  layers: 'num_hidden_layers',
  vocabulary: 'vocab_size',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  channels: 'intermediate_size',
  eps: 'rms_norm_eps',
  epsDefault: 1e-6,
} as const;
