// Falcon (arXiv 2311.16867): one key and value for all queries (7B) or one for each group of them (40B), halves side by side.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Mlp, type MlpShape } from '../nn/mlp.js';
import { type Norm, residualLayerNorm } from '../nn/norm.js';
import { PackedAttention } from '../nn/packed_attention.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { type Block, type HalfParts, ParallelBlock, SequentialBlock } from './blocks.js';
import { Decoder } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { checkHeads, flag, fraction, positive, readConfigBy, refuse } from './read_config.js';
import { ropeOf } from './rope_config.js';

/** Keys of the first releases, which loaders took by code beside the weights. */
const formerKeys = {
  n_embed: 'hidden_size',
  n_layer: 'num_hidden_layers',
  n_head: 'num_attention_heads',
  n_head_kv: 'num_kv_heads',
} as const;

const formerTypes: readonly unknown[] = ['RefinedWeb', 'RefinedWebModel'];

/** config.json with the keys of today; the first releases said the new architecture by their type. */
function renamed(config: RawConfig): RawConfig {
  const now: Record<string, unknown> = { ...config };
  for (const [former, key] of Object.entries(formerKeys)) {
    if (former in now) now[key] ??= now[former];
    Reflect.deleteProperty(now, former);
  }
  if (!formerTypes.includes(now['model_type'])) return now;
  now['new_decoder_architecture'] ??= now['model_type'] === 'RefinedWeb';
  now['model_type'] = 'falcon';
  return now;
}

const no = flag.nullish().transform((value) => value ?? false);
const yes = flag.nullish().transform((value) => value ?? true);

const schema = z.looseObject({
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_kv_heads: positive.nullish(), // default num_attention_heads
  ffn_hidden_size: positive.nullish(), // default 4·hidden_size
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.default(2048),
  layer_norm_epsilon: fraction.default(1e-5),
  activation: z.string().default('gelu'),
  bias: no,
  alibi: no,
  new_decoder_architecture: no,
  multi_query: yes,
  parallel_attn: yes,
  num_ln_in_parallel_attn: z.int().nullish(),
  tie_word_embeddings: flag.default(true),
});

function read(raw: RawConfig) {
  const c = readConfigBy('Falcon', schema, raw);
  const heads = c.num_attention_heads;
  const isNew = c.new_decoder_architecture;
  // The old architecture does not read num_kv_heads, which the 7B model's config.json has all the same.
  const kvHeads = isNew ? (c.num_kv_heads ?? heads) : c.multi_query ? 1 : heads;
  const headDim = c.head_dim ?? c.hidden_size / heads;
  checkHeads(heads, kvHeads, headDim);
  refuse(c.alibi, 'Falcon', 'ALiBi', 'Falcon models with rotary positions (7B, 40B, 180B) work');
  return {
    ...{ ...c, heads, kvHeads, headDim, parallel: isNew || c.parallel_attn },
    channels: c.ffn_hidden_size ?? 4 * c.hidden_size,
    twoNorms: isNew && (c.num_ln_in_parallel_attn ?? 2) === 2,
  };
}

function build(given: RawConfig, weights: WeightSource): Model {
  const config = renamed(given);
  const c = read(config);
  const width = c.hidden_size;
  const rotations = new RotationTable(ropeOf(config, c.headDim));
  const norm = (w: WeightSource): Norm => residualLayerNorm(config, w, width, c.layer_norm_epsilon);

  const block = (w: WeightSource, layer: number): Block => {
    const raw = layerConfig(config, layer);
    const l = read(raw);
    const shape = {
      ...{ width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, groups: l.kvHeads },
      ...{ bias: l.bias, layer },
    };
    const names = ['query_key_value', 'dense'] as const;
    const ffn: MlpShape = {
      ...{ width, channels: l.channels, activation: activationOf(l.activation) },
      ...{ names: ['dense_h_to_4h', 'dense_4h_to_h'], bias: l.bias },
    };
    const attention: HalfParts = {
      part: ['self_attention', (a) => new PackedAttention(a, shape, { names, rotations })],
    };
    const mlp: HalfParts = { part: ['mlp', (m) => new Mlp(m, ffn)] };
    const behind = (attn: string, ff: string) => ({
      attention: { before: [attn, norm], ...attention } as HalfParts,
      mlp: { before: [ff, norm], ...mlp } as HalfParts,
      skip: skipped(raw),
    });
    if (!l.parallel) {
      return new SequentialBlock(w, behind('input_layernorm', 'post_attention_layernorm'));
    }
    return l.twoNorms
      ? new ParallelBlock(w, behind('ln_attn', 'ln_mlp'))
      : new ParallelBlock(w, {
          shared: ['input_layernorm', norm],
          ...{ attention, mlp, skip: skipped(raw) },
        });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocab_size, width, layers: c.num_hidden_layers },
    context: c.max_position_embeddings,
    ...{ block, norm, tied: c.tie_word_embeddings, rotations: [rotations] },
    stack: 'transformer',
    names: { embedding: 'word_embeddings', layers: 'h', norm: 'ln_f' },
  });
}

export const falcon: Architecture = {
  matches: ({ model_type: type }) => type === 'falcon' || formerTypes.includes(type),
  build,
  sizes: {
    width: 'hidden_size',
    layers: 'num_hidden_layers',
    vocabulary: 'vocab_size',
    heads: 'num_attention_heads',
    kvHeads: 'num_kv_heads',
    channels: 'ffn_hidden_size',
    eps: 'layer_norm_epsilon',
  },
};
