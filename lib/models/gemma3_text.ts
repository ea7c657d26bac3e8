// Gemma 3, its language model (arXiv 2503.19786): Gemma 2 with normalised queries and keys in place of soft caps.
import type { Frequencies } from '../nn/rope.js';
import {
  gemmaAsLlama,
  gemmaEmbeddingScale,
  gemmaNorm,
  gemmaNorms,
  gemmaNumbers,
} from './gemma2.js';
import { type LayerType, layerTypesOf, windowOf } from './layer_types.js';
import { buildLlama } from './llama.js';
import { llamaSizes } from './llama_config.js';
import type { Architecture, RawConfig } from './model.js';
import { refuse } from './read_config.js';
import { ropeOf } from './rope_config.js';

const defaults = {
  max_position_embeddings: 131_072,
  attn_logit_softcapping: null,
  final_logit_softcapping: null,
} as const;

/** Every sixth layer sees all, unless `sliding_window_pattern` says another number. */
const layerTypes = (config: RawConfig): readonly LayerType[] => {
  const { sliding_window_pattern: period } = config;
  return layerTypesOf(config, 'Gemma 3', (i) => (i + 1) % Number(period ?? 6) !== 0);
};

/** Global layers turn slowly and may be scaled; local ones have a base of their own and no scaling in the old form. */
function rope(config: RawConfig, headDim: number, type: LayerType): Frequencies {
  if (type === 'full_attention') return ropeOf(config, headDim, { layerType: type, theta: 1e6 });
  const { rope_local_base_freq: local, rope_parameters: parameters } = config;
  const theta = typeof local === 'number' ? local : 10_000;
  const stated = (parameters as Readonly<Record<string, unknown>> | null | undefined)?.[type];
  const options = { layerType: type, theta, unscaled: stated === undefined || stated === null };
  return ropeOf({ ...config, rope_theta: undefined }, headDim, options);
}

export const gemma3Text: Architecture = {
  matches: ({ model_type: type }) => type === 'gemma3_text' || type === 'gemma3',
  build: (config, weights) => {
    refuse(
      config['model_type'] === 'gemma3',
      'Gemma 3',
      'images beside text',
      'only the language model is computed, from a folder whose model_type is gemma3_text',
    );
    return buildLlama(config, weights, {
      family: 'Gemma 3',
      asLlama: (raw) => gemmaAsLlama(raw, 'Gemma 3', defaults),
      layerTypes,
      rope,
      norms: gemmaNorms,
      norm: gemmaNorm,
      attention: (_, __, type, whole) => {
        const numbers = gemmaNumbers(whole, 'Gemma 3');
        const capped = numbers.attn_logit_softcapping !== null;
        refuse(capped, 'Gemma 3', 'a soft cap on attention scores');
        return {
          scale: numbers.query_pre_attn_scalar ** -0.5,
          window: windowOf(whole, 'Gemma 3', type),
        };
      },
      attentionParts: ({ eps }) => ({
        norms: {
          of: 'head',
          names: ['q_norm', 'k_norm'],
          make: (w, width) => gemmaNorm(w, width, eps),
        },
      }),
      frame: (whole) => ({
        embeddingScale: gemmaEmbeddingScale(whole),
        softcap: gemmaNumbers(whole, 'Gemma 3').final_logit_softcapping,
      }),
    });
  },
  sizes: {
    ...llamaSizes,
    epsDefault: 1e-6,
    headDimDefault: 256,
    perLayerLists: ['layer_types'],
    impliedLists: (config) => ({ layer_types: layerTypes(config) }),
  },
  embeddingScale: gemmaEmbeddingScale,
};
