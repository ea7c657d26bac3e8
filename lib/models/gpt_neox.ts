// GPT-NeoX (arXiv 2204.06745) and Pythia (2304.01373): attention and feed-forward side by side, part of each head turned.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { PackedAttention } from '../nn/packed_attention.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { type Block, type BlockParts, ParallelBlock, SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy } from './read_config.js';
import { ropeOf } from './rope_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  intermediate_size: positive,
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  rotary_emb_base: fraction.default(10_000),
  layer_norm_eps: fraction.default(1e-5),
  hidden_act: z.string().default('gelu'),
  attention_bias: flag.default(true),
  use_parallel_residual: flag.default(true),
  tie_word_embeddings: flag.default(false),
});

function read(raw: RawConfig) {
  const c = readConfigBy('GPT-NeoX', schema, raw);
  const heads = c.num_attention_heads;
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, heads, headDim);
  return { ...c, heads, headDim };
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.hidden_size;
  const rope = ropeOf(config, c.headDim, { theta: c.rotary_emb_base, partial: 0.25 });
  const rotations = new RotationTable(rope);
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_eps);

  const block = (w: WeightSource, layer: number): Block => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.heads, headDim: l.headDim, groups: l.heads, layer },
      bias: l.attention_bias,
    };
    const names = ['query_key_value', 'dense'] as const;
    const mlp: MlpShape = {
      ...{ width, channels: l.intermediate_size, activation: activationOf(l.hidden_act) },
      ...{ names: ['dense_h_to_4h', 'dense_4h_to_h'], bias: true },
    };
    const parts: BlockParts = {
      attention: {
        before: ['input_layernorm', norm],
        part: ['attention', (a) => new PackedAttention(a, shape, { names, rotations })],
      },
      mlp: { before: ['post_attention_layernorm', norm], part: ['mlp', (m) => new Mlp(m, mlp)] },
      skip: skipped(raw),
    };
    return c.use_parallel_residual ? new ParallelBlock(w, parts) : new SequentialBlock(w, parts);
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    context: c.max_position_embeddings,
    ...{ block, norm, tied: c.tie_word_embeddings, rotations: [rotations] },
    stack: 'gpt_neox',
    names: { embedding: 'embed_in', norm: 'final_layer_norm', head: 'embed_out' },
  });
}

export const gptNeox: Architecture = {
  matches: (config) => config['model_type'] === 'gpt_neox',
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    channels: 'intermediate_size',
    eps: 'layer_norm_eps',
  },
};
