// OPT (arXiv 2205.01068): learned positions and ReLU; the 350M model normalises sums and projects its embeddings.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Attention } from '../nn/attention.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import type { WeightSource } from '../nn/weight_source.js';
import { type HalfParts, type Make, type Part, SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy, refuse } from './read_config.js';

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  ffn_dim: positive,
  head_dim: positive.nullish(),
  word_embed_proj_dim: positive.nullish(), // default hidden_size
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  activation_function: z.string().default('relu'),
  enable_bias: flag.default(true),
  do_layer_norm_before: flag.default(true),
  _remove_final_layer_norm: flag.default(false),
  layer_norm_elementwise_affine: flag.default(true),
  tie_word_embeddings: flag.default(true),
  layer_norm_eps: fraction.default(1e-5), // ours: stock OPT has no key for it
});

/** Rows in front of the first position: a heritage of fairseq. */
const firstPosition = 2;

function read(raw: RawConfig) {
  const c = readConfigBy('OPT', schema, raw);
  const heads = c.num_attention_heads;
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, heads, headDim);
  refuse(!c.layer_norm_elementwise_affine, 'OPT', 'norms without weights');
  return { ...c, heads, headDim };
}

function build(config: RawConfig, weights: WeightSource): Model {
  const c = read(config);
  const width = c.hidden_size;
  const outer = c.word_embed_proj_dim ?? width;
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_eps);
  const normed = (name: string, part: Make<Part>): HalfParts =>
    c.do_layer_norm_before ? { before: [name, norm], part } : { part, afterSum: [name, norm] };

  const block = (w: WeightSource, layer: number): SequentialBlock => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.heads, headDim: l.headDim, layer },
      bias: l.enable_bias,
    };
    const names = ['q_proj', 'k_proj', 'v_proj', 'out_proj'] as const;
    const mlp: MlpShape = {
      ...{ width, channels: l.ffn_dim, activation: activationOf(l.activation_function) },
      ...{ names: ['fc1', 'fc2'], bias: l.enable_bias },
    };
    const attention = (a: WeightSource): Part =>
      new Attention(a, shape, { names, rotations: null });
    return new SequentialBlock(w, {
      attention: normed('self_attn_layer_norm', ['self_attn', attention]),
      mlp: normed('final_layer_norm', ['', (m) => new Mlp(m, mlp)]), // fc1 and fc2 lie in the layer itself
      skip: skipped(raw),
    });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    ...{ context: c.max_position_embeddings, block, tied: c.tie_word_embeddings },
    norm: c.do_layer_norm_before && !c._remove_final_layer_norm ? norm : null,
    stack: 'model.decoder',
    names: { norm: 'final_layer_norm' },
    positions: { name: 'embed_positions', offset: firstPosition },
    ...(outer === width
      ? {}
      : { projected: { width: outer, into: 'project_in', out: 'project_out' } }),
  });
}

export const opt: Architecture = {
  matches: (config) => config['model_type'] === 'opt',
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    channels: 'ffn_dim',
    eps: 'layer_norm_eps',
    epsDefault: 1e-5,
    widthToo: ['word_embed_proj_dim'],
  },
};
