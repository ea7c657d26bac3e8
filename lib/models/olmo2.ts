// OLMo 2 (arXiv 2501.00656): LLaMA with norms on what attention and feed-forward put out, and over all queries and all keys.
import { RmsNorm } from '../nn/norm.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture } from './model.js';

export const olmo2: Architecture = {
  matches: (config) => config['model_type'] === 'olmo2',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'OLMo 2',
      asLlama: (raw) => ({ rms_norm_eps: 1e-5, ...raw, mlp_bias: false }),
      norms: {
        attention: { after: 'post_attention_layernorm' },
        mlp: { after: 'post_feedforward_layernorm' },
      },
      attentionParts: ({ eps }) => ({
        norms: {
          of: 'all',
          names: ['q_norm', 'k_norm'],
          make: (w, width) => new RmsNorm(w, width, eps),
        },
      }),
    }),
  sizes: { ...llamaSizes, epsDefault: 1e-5 },
};
