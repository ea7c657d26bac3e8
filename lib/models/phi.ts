// Phi-1, 1.5 and 2 (arXiv 2306.11644, 2309.05463): attention and feed-forward side by side behind one norm, biases everywhere.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Attention, type AttentionParts } from '../nn/attention.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import { LayerNorm, type Norm, residualLayerNorm } from '../nn/norm.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { ParallelBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy, refuse } from './read_config.js';
import { ropeOf } from './rope_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(), // default num_attention_heads
  intermediate_size: positive,
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  layer_norm_eps: fraction.default(1e-5),
  hidden_act: z.string().default('gelu_new'),
  qk_layernorm: flag.default(false),
  tie_word_embeddings: flag.default(false),
});

function read(raw: RawConfig) {
  const c = readConfigBy('Phi', schema, raw);
  const heads = c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? heads;
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, kvHeads, headDim);
  refuse(c.tie_word_embeddings, 'Phi', 'the embedding as its head, which has a bias');
  return { ...c, heads, kvHeads, headDim };
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.hidden_size;
  const rotations = new RotationTable(ropeOf(config, c.headDim, { partial: 0.5 }));
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_eps);
  const parts: AttentionParts = {
    names: ['q_proj', 'k_proj', 'v_proj', 'dense'],
    rotations,
    ...(c.qk_layernorm && {
      norms: {
        of: 'head',
        names: ['q_layernorm', 'k_layernorm'],
        make: (w, features) => new LayerNorm(w, features, c.layer_norm_eps),
      },
    }),
  };

  const block = (w: WeightSource, layer: number): ParallelBlock => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, layer },
      bias: true,
    };
    const mlp: MlpShape = {
      ...{ width, channels: l.intermediate_size, activation: activationOf(l.hidden_act) },
      ...{ names: ['fc1', 'fc2'], bias: true },
    };
    return new ParallelBlock(w, {
      shared: ['input_layernorm', norm],
      attention: { part: ['self_attn', (a) => new Attention(a, shape, parts)] },
      mlp: { part: ['mlp', (m) => new Mlp(m, mlp)] },
      skip: skipped(raw),
    });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    ...{ context: c.max_position_embeddings, block, norm, tied: false, rotations: [rotations] },
    names: { norm: 'final_layernorm' },
    headBias: true,
  });
}

export const phi: Architecture = {
  matches: (config) => config['model_type'] === 'phi',
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    kvHeads: 'num_key_value_heads',
    headDim: 'head_dim',
    channels: 'intermediate_size',
    eps: 'layer_norm_eps',
  },
};
