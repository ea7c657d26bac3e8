// Mixtral (arXiv 2401.04088): Mistral with a mixture of experts in every layer.
import { z } from 'zod';
import { activationOf } from '../nn/activation.js';
import { Moe } from '../nn/moe.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { positive, readConfigBy, window } from './read_config.js';
import { ropeOf } from './rope_config.js';

// transformers' defaults for keys that a Mixtral's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
} as const;

const asLlama = (config: RawConfig): RawConfig => ({
  ...{ ...defaults, ...config },
  ...{ attention_bias: false, mlp_bias: false },
});

const schema = z.looseObject({
  num_local_experts: positive.default(8),
  num_experts_per_tok: positive.default(2),
  sliding_window: window,
});

export const mixtral: Architecture = {
  matches: (config) => config['model_type'] === 'mixtral',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Mixtral',
      asLlama,
      rope: (raw, headDim) => ropeOf(raw, headDim, { theta: 1e6 }),
      attention: () => ({ window: readConfigBy('Mixtral', schema, config).sliding_window ?? null }),
      mlp: (c, raw) => {
        const { num_local_experts: experts, num_experts_per_tok: perToken } = readConfigBy(
          'Mixtral',
          schema,
          raw,
        );
        const shape = {
          ...{ width: c.width, channels: c.channels, experts, perToken, normalise: true },
          activation: activationOf(c.activation),
          names: ['w1', 'w3', 'w2'],
        } as const;
        return ['block_sparse_moe', (w) => new Moe(w, shape)];
      },
    }),
  sizes: {
    ...llamaSizes,
    epsDefault: 1e-5,
    experts: 'num_local_experts',
    expertChannels: 'intermediate_size',
  },
};
