// LLaMA's config.json: the sizes we compute with, and a refusal of what we do not.
import { z } from 'zod';
import { LoraShearError } from '../errors.js';
import type { RawConfig } from './model.js';

const positive = z.number().int().positive();

const schema = z.looseObject({
  model_type: z.literal('llama'),
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  rope_parameters: z
    .looseObject({ rope_theta: z.number().nullish(), rope_type: z.string().nullish() })
    .nullish(),
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
  readonly theta: number;
  readonly tied: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

/** @throws CHECKPOINT_INVALID for missing or impossible sizes, CHECKPOINT_UNSUPPORTED for other variants */
export function llamaConfig(raw: RawConfig): LlamaConfig {
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ');
    throw new LoraShearError('CHECKPOINT_INVALID', `config.json is not a LLaMA's: ${problems}`, {
      hint: 'check config.json against the checkpoint it came with',
    });
  }
  const c = parsed.data;
  const ropeType =
    c.rope_parameters?.rope_type ?? c.rope_scaling?.['rope_type'] ?? c.rope_scaling?.['type'];
  refuse(
    ropeType !== undefined && ropeType !== null && ropeType !== 'default',
    `RoPE scaling '${String(ropeType)}'`,
  );
  refuse(c.hidden_act !== 'silu', `hidden_act '${c.hidden_act}'`);
  const kvHeads = c.num_key_value_heads ?? c.num_attention_heads;
  const headDim = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  if (c.num_attention_heads % kvHeads !== 0 || !Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new LoraShearError(
      'CHECKPOINT_INVALID',
      `config.json: ${c.num_attention_heads} query heads, ${kvHeads} kv heads and head_dim ${headDim} do not fit together`,
      { hint: 'query heads must be a multiple of kv heads, and head_dim an even whole number' },
    );
  }
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
    theta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000,
    tied: c.tie_word_embeddings,
    attentionBias: c.attention_bias,
    mlpBias: c.mlp_bias,
  };
}

function refuse(condition: boolean, what: string): void {
  if (!condition) return;
  throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `this checkpoint uses ${what}`, {
    hint: 'only LLaMA models with default RoPE and SiLU are computed in this version',
  });
}
