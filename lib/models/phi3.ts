// Phi-3 and Phi-4 (arXiv 2404.14219, 2412.08905): LLaMA with fused projections, and LongRoPE for long contexts.
import { activationOf } from '../nn/activation.js';
import { FusedGatedMlp } from '../nn/fused_gated_mlp.js';
import type { Frequencies } from '../nn/rope.js';
import { StackedAttention } from '../nn/stacked_attention.js';
import { windowOf } from './layer_types.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { refuse } from './read_config.js';
import { ropeOf } from './rope_config.js';

// transformers' defaults for keys that a Phi-3's config.json may leave out and whose LLaMA default differs.
const defaults = {
  max_position_embeddings: 4096,
  original_max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
} as const;

const biases = ['attention_bias', 'mlp_bias', 'lm_head_bias'];

function asLlama(config: RawConfig): RawConfig {
  for (const key of biases) refuse(config[key] === true, 'Phi-3', `biases (${key})`);
  return { ...defaults, ...config };
}

/** `su` and `yarn` are old names of LongRoPE here, and the context that it was trained with stands beside it. */
function rope(config: RawConfig, headDim: number): Frequencies {
  const { rope_scaling: four, rope_parameters: five } = config;
  const given = (four ?? five ?? {}) as Readonly<Record<string, unknown>>;
  const named = given['rope_type'] ?? given['type'] ?? 'default';
  const type = named === 'su' || named === 'yarn' ? 'longrope' : named;
  const computed = type === 'default' || type === 'longrope';
  refuse(!computed, 'Phi-3', `RoPE scaling ${JSON.stringify(named)}`);
  const original_max_position_embeddings = config['original_max_position_embeddings'];
  const rope_parameters = { ...given, rope_type: type, original_max_position_embeddings };
  return ropeOf({ ...config, rope_parameters }, headDim);
}

export const phi3: Architecture = {
  matches: (config) => config['model_type'] === 'phi3',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Phi-3',
      asLlama,
      rope,
      attention: (_, __, ___, whole) => ({
        window: windowOf(whole, 'Phi-3', 'sliding_attention'),
      }),
      attentionOf: (w, shape, { rotations }) =>
        new StackedAttention(w, shape, { names: ['qkv_proj', 'o_proj'], rotations }),
      mlp: ({ width, channels, activation }) => [
        'mlp',
        (w) => new FusedGatedMlp(w, { width, channels, activation: activationOf(activation) }),
      ],
    }),
  sizes: { ...llamaSizes, epsDefault: defaults.rms_norm_eps },
};
