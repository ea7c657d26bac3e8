// Qwen3 with experts (arXiv 2505.09388): norms on queries and keys, a mixture of experts in some or all layers.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Moe } from '../nn/moe.js';
import { RmsNorm } from '../nn/norm.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { flag, positive, readConfigBy, window } from './read_config.js';

// transformers' defaults for keys that the config.json may leave out and whose LLaMA default differs.
const defaults = { num_key_value_heads: 4, max_position_embeddings: 32_768 } as const;

const asLlama = (config: RawConfig): RawConfig => ({
  ...{ ...defaults, ...config },
  mlp_bias: false,
});

const index = z.number().int().nonnegative();
const schema = z.looseObject({
  num_experts: index.nullish(), // as published; transformers 5.24 writes num_local_experts
  num_local_experts: index.nullish(),
  num_experts_per_tok: positive.default(8),
  norm_topk_prob: flag.default(false),
  moe_intermediate_size: positive.default(768),
  decoder_sparse_step: positive.default(1),
  mlp_only_layers: z.array(index).nullish(),
  use_sliding_window: flag.default(false),
  sliding_window: window,
});

type Qwen3MoeConfig = z.infer<typeof schema> & { readonly experts: number };

function read(raw: RawConfig): Qwen3MoeConfig {
  const c = readConfigBy('Qwen3 MoE', schema, raw);
  return { ...c, experts: c.num_experts ?? c.num_local_experts ?? 128 };
}

/** Does this layer have experts? The others have one feed-forward. */
const isSparse = (c: Qwen3MoeConfig, layer: number): boolean =>
  c.experts > 0 &&
  (layer + 1) % c.decoder_sparse_step === 0 &&
  !(c.mlp_only_layers ?? []).includes(layer);

export const qwen3Moe: Architecture = {
  matches: (config) => config['model_type'] === 'qwen3_moe',
  build: (config, weights) => {
    const { use_sliding_window: slides, sliding_window: w } = read(config);
    return buildLlama(config, weights, {
      family: 'Qwen3 MoE',
      asLlama,
      attention: () => ({ window: slides ? (w ?? null) : null }),
      attentionParts: ({ eps }) => ({
        norms: {
          of: 'head',
          names: ['q_norm', 'k_norm'],
          make: (source, width) => new RmsNorm(source, width, eps),
        },
      }),
      mlp: (l, raw, layer) => {
        const c = read(raw);
        if (!isSparse(c, layer)) return undefined;
        const shape = {
          ...{ width: l.width, channels: c.moe_intermediate_size, experts: c.experts },
          ...{ perToken: c.num_experts_per_tok, normalise: c.norm_topk_prob },
          activation: activationOf(l.activation),
        } as const;
        return ['mlp', (source) => new Moe(source, shape)];
      },
    });
  },
  sizes: {
    ...llamaSizes,
    experts: 'num_experts',
    expertChannels: 'moe_intermediate_size',
    aliases: { num_local_experts: 'num_experts' },
    /** Which layers have experts goes by their number, which a cut changes. */
    renumbered: (config, from) => {
      const c = read(config);
      const dense = from.flatMap((was, i) => (isSparse(c, was) ? [] : [i]));
      return { ...config, decoder_sparse_step: 1, mlp_only_layers: dense };
    },
  },
};
