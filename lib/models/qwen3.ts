// Qwen3 (arXiv 2505.09388): LLaMA whose queries and keys are normalised head by head before they turn.
import { RmsNorm } from '../nn/norm.js';
import { buildLlama } from './llama.js';
import type { Architecture } from './model.js';
import { qwenLayerTypes, qwenSizes, qwenWindow } from './qwen2.js';

// transformers' defaults for keys that a Qwen3's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 32,
  head_dim: 128,
  max_position_embeddings: 32_768,
  sliding_window: 4096,
  max_window_layers: 28,
} as const;

export const qwen3: Architecture = {
  matches: (config) => config['model_type'] === 'qwen3',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Qwen3',
      asLlama: (raw) => ({ ...defaults, ...raw, mlp_bias: false }),
      layerTypes: (whole) => qwenLayerTypes(whole, 'Qwen3'),
      attention: (_, __, type, whole) => ({ window: qwenWindow(whole, 'Qwen3', type) }),
      attentionParts: ({ eps }) => ({
        norms: {
          of: 'head',
          names: ['q_norm', 'k_norm'],
          make: (w, width) => new RmsNorm(w, width, eps),
        },
      }),
    }),
  sizes: { ...qwenSizes, headDimDefault: defaults.head_dim },
};
