// LLaMA 1, 2 and 3.x (arXiv 2302.13971, 2307.09288, 2407.21783): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
import { activationOf } from '../nn/activation.js';
import { Attention, type AttentionParts, type AttentionShape } from '../nn/attention.js';
import { GatedMlp } from '../nn/gated_mlp.js';
import { RmsNorm } from '../nn/norm.js';
import { RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import { type Make, type Part, SequentialBlock } from './blocks.js';
import { Decoder, type DecoderParts } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import { type LlamaConfig, llamaConfig, llamaSizes } from './llama_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { ropeOf } from './rope_config.js';

/** Where a family departs from LLaMA. */
export interface LlamaVariant {
  /** For errors. */
  readonly family: string;
  /** Changes config.json into LLaMA's terms (defaults that differ, biases under other keys). */
  readonly asLlama?: (config: RawConfig) => RawConfig;
  readonly attention?: (config: LlamaConfig, layer: number) => Partial<AttentionShape>;
  readonly attentionParts?: (config: LlamaConfig) => Partial<AttentionParts>;
  /** The feed-forward of a layer, where it is no SwiGLU. */
  readonly mlp?: (config: LlamaConfig, raw: RawConfig, layer: number) => Make<Part> | undefined;
  readonly rope?: (config: RawConfig, headDim: number) => ReturnType<typeof ropeOf>;
  readonly frame?: (config: RawConfig) => Partial<DecoderParts>;
}

/** A model of LLaMA's form. */
export function buildLlama(config: RawConfig, weights: WeightSource, variant: LlamaVariant): Model {
  const { family, asLlama = (raw: RawConfig) => raw, rope = ropeOf } = variant;
  const whole = asLlama(config);
  const c = llamaConfig(whole, family);
  const rotations = new RotationTable(rope(whole, c.headDim));
  const norm =
    (eps: number) =>
    (w: WeightSource): RmsNorm =>
      new RmsNorm(w, c.width, eps);

  const block = (w: WeightSource, layer: number): SequentialBlock => {
    const raw = layerConfig(whole, layer);
    const l = raw === whole ? c : llamaConfig(raw, family);
    const shape: AttentionShape = {
      ...{ width: l.width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, layer },
      bias: l.attentionBias,
      ...variant.attention?.(l, layer),
    };
    const parts: AttentionParts = { rotations, ...variant.attentionParts?.(l) };
    const gated = (m: WeightSource): GatedMlp =>
      new GatedMlp(m, {
        ...{ width: l.width, channels: l.channels, bias: l.mlpBias },
        activation: activationOf(l.activation),
      });
    return new SequentialBlock(w, {
      attention: {
        before: ['input_layernorm', norm(l.eps)],
        part: ['self_attn', (a) => new Attention(a, shape, parts)],
      },
      mlp: {
        before: ['post_attention_layernorm', norm(l.eps)],
        part: variant.mlp?.(l, raw, layer) ?? ['mlp', gated],
      },
      skip: skipped(raw),
    });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocabulary, width: c.width, layers: c.layers, context: c.context },
    ...{ block, norm: norm(c.eps), tied: c.tied, rotations: [rotations] },
    ...variant.frame?.(config),
  });
}

export const llama: Architecture = {
  matches: (config) => config['model_type'] === 'llama',
  build: (config, weights) => buildLlama(config, weights, { family: 'LLaMA' }),
  sizes: llamaSizes,
};
