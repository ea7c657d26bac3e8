// Command R and R+ (Cohere): attention and feed-forward side by side behind one norm without bias, scaled logits.
import { z } from 'zod';
import { HeadNorm } from '../nn/head_norm.js';
import { residualLayerNorm } from '../nn/norm.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { flag, fraction, readConfigBy } from './read_config.js';
import { ropeOf } from './rope_config.js';

// transformers' defaults for keys that a Cohere's config.json may leave out and whose LLaMA default differs.
const defaults = {
  max_position_embeddings: 8192,
  layer_norm_eps: 1e-5,
  logit_scale: 0.0625,
  tie_word_embeddings: true,
  use_qk_norm: false,
} as const;

const schema = z.looseObject({ logit_scale: fraction, use_qk_norm: flag });

function asLlama(config: RawConfig): RawConfig {
  const whole: RawConfig = { ...defaults, ...config, mlp_bias: false };
  return { ...whole, rms_norm_eps: whole['layer_norm_eps'] };
}

export const cohere: Architecture = {
  matches: (config) => config['model_type'] === 'cohere',
  build: (config, weights) => {
    const numbers = readConfigBy('Cohere', schema, { ...defaults, ...config });
    return buildLlama(config, weights, {
      family: 'Cohere',
      asLlama,
      rope: (whole, headDim) => ropeOf(whole, headDim, { theta: 500_000 }),
      pairs: 'neighbours',
      norms: { shared: 'input_layernorm' },
      norm: (w, width, eps) => residualLayerNorm(config, w, width, eps, false),
      attentionParts: ({ eps }) =>
        numbers.use_qk_norm
          ? {
              norms: {
                of: 'head',
                names: ['q_norm', 'k_norm'],
                make: (w, width, heads) => new HeadNorm(w, width, heads, eps),
              },
            }
          : {},
      frame: () => ({ logitScale: numbers.logit_scale }),
    });
  },
  sizes: { ...llamaSizes, eps: 'layer_norm_eps', epsDefault: defaults.layer_norm_eps },
};
