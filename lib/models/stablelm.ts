// StableLM (3B-4E1T; StableLM 2, arXiv 2402.17834): LLaMA's form with LayerNorm and part of each head turned.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Attention, type AttentionParts } from '../nn/attention.js';
import { GatedMlp } from '../nn/gated_mlp.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { LayerNormPerHead } from '../nn/norm_per_head.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { type Block, type HalfParts, type Make, ParallelBlock, SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy } from './read_config.js';
import { ropeOf } from './rope_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.default(32),
  intermediate_size: positive,
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(4096),
  layer_norm_eps: fraction.default(1e-5),
  hidden_act: z.string().default('silu'),
  use_qkv_bias: flag.default(false),
  qk_layernorm: flag.default(false),
  use_parallel_residual: flag.default(false),
  tie_word_embeddings: flag.default(false),
});

function read(raw: RawConfig) {
  const c = readConfigBy('StableLM', schema, raw);
  const [heads, kvHeads] = [c.num_attention_heads, c.num_key_value_heads];
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, kvHeads, headDim);
  return { ...c, heads, kvHeads, headDim };
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.hidden_size;
  const rotations = new RotationTable(ropeOf(config, c.headDim, { partial: 0.25 }));
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_eps);
  const parts: AttentionParts = {
    rotations,
    ...(c.qk_layernorm && {
      norms: {
        of: 'head',
        names: ['q_layernorm', 'k_layernorm'],
        make: (w, features, heads) => new LayerNormPerHead(w, features, heads, c.layer_norm_eps),
      },
    }),
  };

  const block = (w: WeightSource, layer: number): Block => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, layer },
      ...{ bias: l.use_qkv_bias, outBias: false },
    };
    const gated = { width, channels: l.intermediate_size, activation: activationOf(l.hidden_act) };
    const before: Make<Norm> = ['input_layernorm', norm];
    const attention: HalfParts = {
      part: ['self_attn', (a) => new Attention(a, shape, parts)],
    };
    const mlp: HalfParts = { part: ['mlp', (m) => new GatedMlp(m, gated)] };
    const skip = skipped(raw);
    return c.use_parallel_residual
      ? new ParallelBlock(w, { shared: before, attention, mlp, skip })
      : new SequentialBlock(w, {
          attention: { before, ...attention },
          mlp: { before: ['post_attention_layernorm', norm], ...mlp },
          skip,
        });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    context: c.max_position_embeddings,
    ...{ block, norm, tied: c.tie_word_embeddings, rotations: [rotations] },
  });
}

export const stablelm: Architecture = {
  matches: (config) => config['model_type'] === 'stablelm',
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    kvHeads: 'num_key_value_heads',
    channels: 'intermediate_size',
    eps: 'layer_norm_eps',
  },
};
