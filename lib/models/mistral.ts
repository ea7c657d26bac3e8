// Mistral without a sliding window: LLaMA's computation under a config that stock loaders take with any head count.
import { LoraShearError } from '../errors.js';
import { llama } from './llama.js';
import { llamaConfig } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';

// transformers' defaults for keys that a Mistral's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  sliding_window: 4096,
} as const;

const llamaOnly = ['attention_bias', 'mlp_bias', 'pretraining_tp'];

/** The LLaMA config of the same computation. @throws CHECKPOINT_UNSUPPORTED for a window that hides tokens */
function asLlama(config: RawConfig): RawConfig {
  const full: RawConfig = { ...defaults, ...config };
  const window = full['sliding_window'];
  const context = Number(full['max_position_embeddings']);
  if (window !== null && !(typeof window === 'number' && window >= context)) {
    throw new LoraShearError(
      'CHECKPOINT_UNSUPPORTED',
      `this checkpoint uses a sliding window of ${JSON.stringify(window)} in a context of ${context}`,
      {
        hint: 'set "max_position_embeddings" in config.json to the window, to work within it only',
        facts: { sliding_window: window, max_position_embeddings: context },
      },
    );
  }
  return { ...full, model_type: 'llama', attention_bias: false, mlp_bias: false };
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
  return {
    ...carried,
    architectures: ['MistralForCausalLM'],
    model_type: 'mistral',
    hidden_act: 'silu',
    num_key_value_heads: c.kvHeads,
    head_dim: c.headDim,
    max_position_embeddings: c.context,
    rms_norm_eps: c.eps,
    ...(carried['rope_parameters'] ? {} : { rope_theta: c.theta }),
    sliding_window: null,
    tie_word_embeddings: c.tied,
  };
}

export const mistral: Architecture = {
  matches: (config) => config['model_type'] === 'mistral',
  // The model keeps the config.json that it came with: a cut of it is a Mistral again.
  build: (config, weights) => Object.assign(llama.build(asLlama(config), weights), { config }),
  resize(config, widths) {
    const resized = llama.resize(asLlama(config), widths);
    const sizes = [
      'num_attention_heads',
      'num_key_value_heads',
      'head_dim',
      'intermediate_size',
    ] as const;
    return { ...config, ...Object.fromEntries(sizes.map((key) => [key, resized[key]])) };
  },
};
