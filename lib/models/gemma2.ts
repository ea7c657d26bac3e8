// Gemma 2 (arXiv 2408.00118): scaled embeddings, norms before and after each half, soft caps, every other layer slides.
import { z } from 'zod';
import { RmsNorm } from '../nn/norm.js';
import type { WeightSource } from '../nn/weight_source.js';
import { layerTypesOf, windowOf } from './layer_types.js';
import { type BlockNorms, buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { fraction, readConfigBy, refuse } from './read_config.js';

/** transformers' defaults for keys that a config.json of Gemma 2 or 3 may leave out and whose LLaMA default differs. */
export const gemmaDefaults = {
  num_key_value_heads: 4,
  head_dim: 256,
  tie_word_embeddings: true,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
  hidden_activation: 'gelu_pytorch_tanh',
} as const;

/** Capital numbers of Gemma 2's and 3's config.json beside LLaMA's. */
const schema = z.looseObject({
  query_pre_attn_scalar: fraction,
  attn_logit_softcapping: fraction.nullable(),
  final_logit_softcapping: fraction.nullable(),
});

/** @param whole with its defaults @throws CHECKPOINT_INVALID */
export function gemmaNumbers(whole: RawConfig, family: string): z.infer<typeof schema> {
  return readConfigBy(family, schema, whole);
}

/** The activation is under a key of its own; `hidden_act` beside it says nothing. */
export function gemmaAsLlama(
  config: RawConfig,
  family: string,
  defaults: Readonly<Record<string, unknown>>,
): RawConfig {
  refuse(config['use_bidirectional_attention'] === true, family, 'attention in both directions');
  const whole: RawConfig = { ...gemmaDefaults, ...defaults, ...config };
  return { ...whole, hidden_act: whole['hidden_activation'], mlp_bias: false };
}

export const gemmaEmbeddingScale = (config: RawConfig): number =>
  Number(config['hidden_size']) ** 0.5;

/** Weights are stored around 0. */
export const gemmaNorm = (w: WeightSource, width: number, eps: number): RmsNorm =>
  new RmsNorm(w, width, eps, 1);

export const gemmaNorms: BlockNorms = {
  attention: { before: 'input_layernorm', after: 'post_attention_layernorm' },
  mlp: { before: 'pre_feedforward_layernorm', after: 'post_feedforward_layernorm' },
};

const defaults = {
  max_position_embeddings: 8192,
  attn_logit_softcapping: 50,
  final_logit_softcapping: 30,
} as const;

const layerTypes = (config: RawConfig): ReturnType<typeof layerTypesOf> =>
  layerTypesOf(config, 'Gemma 2', (i) => i % 2 === 0);

export const gemma2: Architecture = {
  matches: (config) => config['model_type'] === 'gemma2',
  build: (config, weights) =>
    buildLlama(config, weights, {
      family: 'Gemma 2',
      asLlama: (raw) => gemmaAsLlama(raw, 'Gemma 2', defaults),
      layerTypes,
      norms: gemmaNorms,
      norm: gemmaNorm,
      attention: (_, __, type, whole) => {
        const numbers = gemmaNumbers(whole, 'Gemma 2');
        return {
          scale: numbers.query_pre_attn_scalar ** -0.5,
          softcap: numbers.attn_logit_softcapping,
          window: windowOf(whole, 'Gemma 2', type),
        };
      },
      frame: (whole) => ({
        embeddingScale: gemmaEmbeddingScale(whole),
        softcap: gemmaNumbers(whole, 'Gemma 2').final_logit_softcapping,
      }),
    }),
  sizes: {
    ...llamaSizes,
    epsDefault: 1e-6,
    headDimDefault: 256,
    perLayerLists: ['layer_types'],
    impliedLists: (config) => ({ layer_types: layerTypes(config) }),
  },
  embeddingScale: gemmaEmbeddingScale,
};
