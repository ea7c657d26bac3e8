// GLM-4-0414 (arXiv 2406.12793): LLaMA with norms before and after each half, a fused gate, and half of each head turned.
import { activationOf } from '../nn/activation.js';
import { FusedGatedMlp } from '../nn/fused_gated_mlp.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture } from './model.js';
import { ropeOf } from './rope_config.js';

// transformers' defaults for keys that a GLM-4's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 2,
  head_dim: 128,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1.5625e-7,
  attention_bias: true,
} as const;

export const glm4: Architecture = {
  matches: (config) => config['model_type'] === 'glm4',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'GLM-4',
      asLlama: (raw) => ({ ...defaults, ...raw }),
      rope: (whole, headDim) => ropeOf(whole, headDim, { partial: 0.5 }),
      pairs: 'neighbours',
      norms: {
        attention: { before: 'input_layernorm', after: 'post_self_attn_layernorm' },
        mlp: { before: 'post_attention_layernorm', after: 'post_mlp_layernorm' },
      },
      attention: () => ({ outBias: false }),
      mlp: ({ width, channels, activation }) => [
        'mlp',
        (w) => new FusedGatedMlp(w, { width, channels, activation: activationOf(activation) }),
      ],
    }),
  sizes: {
    ...llamaSizes,
    epsDefault: defaults.rms_norm_eps,
    headDimDefault: defaults.head_dim,
  },
};
