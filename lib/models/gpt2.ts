// GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each half, weights stored as Conv1D (in, out).
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { PackedAttention, type PackedAttentionShape } from '../nn/packed_attention.js';
import type { WeightSource } from '../nn/weight_source.js';
import { SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy, refuse } from './read_config.js';

const schema = z.looseObject({
  n_embd: positive,
  n_layer: positive,
  n_head: positive,
  n_inner: positive.nullish(), // default 4·n_embd
  head_dim: positive.nullish(),
  vocab_size: positive,
  n_positions: positive.default(1024),
  layer_norm_epsilon: fraction.default(1e-5),
  activation_function: z.string().default('gelu_new'),
  scale_attn_weights: flag.default(true),
  scale_attn_by_inverse_layer_idx: flag.default(false),
  add_cross_attention: flag.default(false),
  tie_word_embeddings: flag.default(true),
});

function read(raw: RawConfig) {
  const c = readConfigBy('GPT-2', schema, raw);
  const headDim = c.head_dim ?? c.n_embd / c.n_head;
  checkHeads(c.n_head, c.n_head, headDim);
  refuse(c.add_cross_attention, 'GPT-2', 'cross-attention');
  return { ...c, headDim, channels: c.n_inner ?? 4 * c.n_embd };
}

/** Factor on the scores of a layer. */
function scaleOf(c: ReturnType<typeof read>, layer: number): number {
  const scale = c.scale_attn_weights ? c.headDim ** -0.5 : 1;
  return c.scale_attn_by_inverse_layer_idx ? scale / (layer + 1) : scale;
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.n_embd;
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_epsilon);

  const block = (w: WeightSource, layer: number): SequentialBlock => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape: PackedAttentionShape = {
      ...{ width, heads: l.n_head, kvHeads: l.n_head, headDim: l.headDim, groups: 1, layer },
      ...{ bias: true, layout: 'in-out', scale: scaleOf(l, layer) },
    };
    const names = ['c_attn', 'c_proj'] as const;
    const mlp: MlpShape = {
      ...{ width, channels: l.channels, activation: activationOf(l.activation_function) },
      ...{ names: ['c_fc', 'c_proj'], bias: true, layout: 'in-out' },
    };
    return new SequentialBlock(w, {
      attention: {
        before: ['ln_1', norm],
        part: ['attn', (a) => new PackedAttention(a, shape, { names, rotations: null })],
      },
      mlp: { before: ['ln_2', norm], part: ['mlp', (m) => new Mlp(m, mlp)] },
      skip: skipped(raw),
    });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.n_layer, context: c.n_positions },
    ...{ block, norm, tied: c.tie_word_embeddings },
    stack: 'transformer',
    names: { embedding: 'wte', layers: 'h', norm: 'ln_f' },
    positions: { name: 'wpe', offset: 0 },
  });
}

export const gpt2: Architecture = {
  matches: (config) => config['model_type'] === 'gpt2',
  build,
  sizes: {
    width: 'n_embd',
    layers: 'n_layer',
    vocabulary: 'vocab_size',
    heads: 'n_head',
    channels: 'n_inner',
    eps: 'layer_norm_epsilon',
  },
};
