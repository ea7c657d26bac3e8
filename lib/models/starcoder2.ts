// StarCoder2 (arXiv 2402.19173): grouped queries, rotary positions and a sliding window, with GPT-2's norms and feed-forward.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Attention } from '../nn/attention.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy, window } from './read_config.js';
import { ropeOf } from './rope_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.default(2),
  intermediate_size: positive,
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(4096),
  norm_epsilon: fraction.default(1e-5),
  hidden_act: z.string().default('gelu_pytorch_tanh'),
  sliding_window: window,
  use_bias: flag.default(true),
  tie_word_embeddings: flag.default(true),
});

function read(raw: RawConfig) {
  const c = readConfigBy('StarCoder2', schema, raw);
  const [heads, kvHeads] = [c.num_attention_heads, c.num_key_value_heads];
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, kvHeads, headDim);
  return { ...c, heads, kvHeads, headDim };
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.hidden_size;
  const rotations = new RotationTable(ropeOf(config, c.headDim));
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.norm_epsilon);

  const block = (w: WeightSource, layer: number): SequentialBlock => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, layer },
      ...{ bias: l.use_bias, window: l.sliding_window ?? null },
    };
    const mlp: MlpShape = {
      ...{ width, channels: l.intermediate_size, activation: activationOf(l.hidden_act) },
      ...{ names: ['c_fc', 'c_proj'], bias: l.use_bias },
    };
    return new SequentialBlock(w, {
      attention: {
        before: ['input_layernorm', norm],
        part: ['self_attn', (a) => new Attention(a, shape, { rotations })],
      },
      mlp: { before: ['post_attention_layernorm', norm], part: ['mlp', (m) => new Mlp(m, mlp)] },
      skip: skipped(raw),
    });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    context: c.max_position_embeddings,
    ...{ block, norm, tied: c.tie_word_embeddings, rotations: [rotations] },
  });
}

export const starcoder2: Architecture = {
  matches: (config) => config['model_type'] === 'starcoder2',
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    kvHeads: 'num_key_value_heads',
    headDim: 'head_dim',
    channels: 'intermediate_size',
    eps: 'norm_epsilon',
  },
};
