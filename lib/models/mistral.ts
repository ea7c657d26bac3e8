// Mistral (arXiv 2310.06825): LLaMA with a sliding window, under a config that stock loaders take with any head count.
import { z } from 'zod';
import { buildLlama } from './llama.js';
import { llamaConfig, llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { readConfigBy, window } from './read_config.js';

// transformers' defaults for keys that a Mistral's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  sliding_window: 4096,
} as const;

const llamaOnly = ['attention_bias', 'mlp_bias', 'pretraining_tp'];

/** The LLaMA config of the same computation, its window left out. */
export function asLlama(config: RawConfig): RawConfig {
  return { ...defaults, ...config, attention_bias: false, mlp_bias: false };
}

const schema = z.looseObject({ sliding_window: window });

function windowOf(config: RawConfig): number | null {
  return readConfigBy('Mistral', schema, { ...defaults, ...config }).sliding_window ?? null;
}

/**
 * config.json that describes the LLaMA `config` as a Mistral: the same weights under the same names.
 * Every size is written out, because the defaults of the two differ. Only for models without biases.
 */
export function mistralConfigOf(config: RawConfig): RawConfig {
  const c = llamaConfig(config);
  const carried: RawConfig = Object.fromEntries(
    Object.entries(config).filter(([key]) => !llamaOnly.includes(key)),
  );
  const theta = carried['rope_theta'] ?? 10_000;
  return {
    ...carried,
    architectures: ['MistralForCausalLM'],
    model_type: 'mistral',
    hidden_act: 'silu',
    num_key_value_heads: c.kvHeads,
    head_dim: c.headDim,
    max_position_embeddings: c.context,
    rms_norm_eps: c.eps,
    ...(carried['rope_parameters'] ? {} : { rope_theta: theta }),
    sliding_window: null,
    tie_word_embeddings: c.tied,
  };
}

export const mistral: Architecture = {
  matches: (config) => config['model_type'] === 'mistral',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Mistral',
      asLlama,
      attention: () => ({ window: windowOf(config) }),
    }),
  sizes: llamaSizes,
};
