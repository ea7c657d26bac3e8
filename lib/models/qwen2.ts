// Qwen2 and Qwen2.5 (arXiv 2407.10671, 2412.15115): LLaMA with biases on queries, keys and values; its last layers may slide.
import { type LayerType, layerTypesOf, windowOf } from './layer_types.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import type { SizeKeys } from './sizes.js';

// transformers' defaults for keys that a Qwen2's config.json may leave out and whose LLaMA default differs.
const defaults = {
  num_key_value_heads: 32,
  max_position_embeddings: 32_768,
  sliding_window: 4096,
  max_window_layers: 28,
} as const;

/** Kinds of the layers of a Qwen2 or Qwen3: without a list, those from `max_window_layers` on slide if any do. */
export function qwenLayerTypes(config: RawConfig, family: string): readonly LayerType[] {
  const { use_sliding_window: use, sliding_window: window, max_window_layers: from } = config;
  const slide = use === true && typeof window === 'number';
  return layerTypesOf(
    config,
    family,
    (i) => slide && i >= Number(from ?? defaults.max_window_layers),
  );
}

/** The window of a layer: none unless `use_sliding_window` is said. */
export function qwenWindow(config: RawConfig, family: string, type: LayerType): number | null {
  return config['use_sliding_window'] === true ? windowOf(config, family, type) : null;
}

/** Sizes of a Qwen2 or Qwen3. */
export const qwenSizes = {
  ...llamaSizes,
  epsDefault: 1e-6,
  perLayerLists: ['layer_types'],
  impliedLists: (config) => ({ layer_types: qwenLayerTypes({ ...defaults, ...config }, 'Qwen') }),
} as const satisfies SizeKeys;

export const qwen2: Architecture = {
  matches: (config) => config['model_type'] === 'qwen2',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Qwen2',
      asLlama: (raw) => ({ ...defaults, ...raw, attention_bias: true, mlp_bias: false }),
      layerTypes: (whole) => qwenLayerTypes(whole, 'Qwen2'),
      attention: (_, __, type, whole) => ({
        outBias: false,
        window: qwenWindow(whole, 'Qwen2', type),
      }),
    }),
  sizes: qwenSizes,
};
