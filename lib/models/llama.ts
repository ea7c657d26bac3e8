// LLaMA 1, 2 and 3.x (arXiv 2302.13971, 2307.09288, 2407.21783): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
import { activationOf } from '../nn/activation.js';
import { Attention, type AttentionParts, type AttentionShape } from '../nn/attention.js';
import { GatedMlp } from '../nn/gated_mlp.js';
import { type Norm, RmsNorm } from '../nn/norm.js';
import { type Pairs, RotationTable } from '../nn/rope.js';
import type { WeightSource } from '../nn/weight_source.js';
import {
  type Block,
  type BlockParts,
  type HalfParts,
  type Make,
  ParallelBlock,
  type Part,
  SequentialBlock,
} from './blocks.js';
import { Decoder, type DecoderParts } from './decoder.js';
import { layerConfig, skipped } from './layer_config.js';
import type { LayerType } from './layer_types.js';
import { type LlamaConfig, llamaConfig, llamaSizes } from './llama_config.js';
import type { Architecture, Model, RawConfig } from './model.js';
import { ropeOf } from './rope_config.js';

/** Stored names of the norms of a block. */
export interface BlockNorms {
  readonly attention?: { readonly before?: string; readonly after?: string };
  readonly mlp?: { readonly before?: string; readonly after?: string };
  /** One norm for both halves, which then run side by side. */
  readonly shared?: string;
}

/** Where a family departs from LLaMA. */
export interface LlamaVariant {
  /** For errors. */
  readonly family: string;
  /** Changes config.json into LLaMA's terms (defaults that differ, biases under other keys). */
  readonly asLlama?: (config: RawConfig) => RawConfig;
  /** @param type of the layer @param whole config.json in LLaMA's terms */
  readonly attention?: (
    config: LlamaConfig,
    layer: number,
    type: LayerType,
    whole: RawConfig,
  ) => Partial<AttentionShape>;
  readonly attentionParts?: (config: LlamaConfig) => Partial<AttentionParts>;
  /** The attention of a layer, where its projections are stored otherwise. */
  readonly attentionOf?: (
    weights: WeightSource,
    shape: AttentionShape,
    parts: AttentionParts,
  ) => Part;
  /** The feed-forward of a layer, where it is no SwiGLU. */
  readonly mlp?: (config: LlamaConfig, raw: RawConfig, layer: number) => Make<Part> | undefined;
  /** Kind of every layer, where not all are alike. */
  readonly layerTypes?: (config: RawConfig) => readonly LayerType[];
  readonly rope?: (
    config: RawConfig,
    headDim: number,
    type: LayerType,
  ) => ReturnType<typeof ropeOf>;
  readonly pairs?: Pairs;
  readonly norms?: BlockNorms;
  /** A norm over the residual width. */
  readonly norm?: (weights: WeightSource, width: number, eps: number) => Norm;
  readonly frame?: (config: RawConfig) => Partial<DecoderParts>;
}

const llamaNorms: BlockNorms = {
  attention: { before: 'input_layernorm' },
  mlp: { before: 'post_attention_layernorm' },
};

const separate = (w: WeightSource, shape: AttentionShape, parts: AttentionParts): Part =>
  new Attention(w, shape, parts);

/** A model of LLaMA's form. */
export function buildLlama(config: RawConfig, weights: WeightSource, variant: LlamaVariant): Model {
  const { family, asLlama = (raw: RawConfig) => raw, norms = llamaNorms, pairs } = variant;
  const { rope = (raw: RawConfig, headDim: number) => ropeOf(raw, headDim) } = variant;
  const { norm = (w: WeightSource, width: number, eps: number) => new RmsNorm(w, width, eps) } =
    variant;
  const { attentionOf = separate } = variant;
  const whole = asLlama(config);
  const c = llamaConfig(whole, family);
  const types = variant.layerTypes?.(whole);
  const tables = new Map<LayerType, RotationTable>();
  for (const type of new Set(types ?? (['full_attention'] as const))) {
    tables.set(type, new RotationTable(rope(whole, c.headDim, type), pairs));
  }

  const block = (w: WeightSource, layer: number): Block => {
    const raw = layerConfig(whole, layer);
    const l = raw === whole ? c : llamaConfig(raw, family);
    const type = types?.[layer] ?? 'full_attention';
    const shape: AttentionShape = {
      ...{ width: l.width, heads: l.heads, kvHeads: l.kvHeads, headDim: l.headDim, layer },
      bias: l.attentionBias,
      ...variant.attention?.(l, layer, type, whole),
    };
    const rotations = tables.get(type) ?? null;
    const parts: AttentionParts = { rotations, ...variant.attentionParts?.(l) };
    const gated = (m: WeightSource): GatedMlp =>
      new GatedMlp(m, {
        ...{ width: l.width, channels: l.channels, bias: l.mlpBias },
        activation: activationOf(l.activation),
      });
    const named = (name: string): Make<Norm> => [name, (n) => norm(n, l.width, l.eps)];
    const half = (part: Make<Part>, { before, after }: BlockNorms['mlp'] = {}): HalfParts => ({
      part,
      ...(before !== undefined && { before: named(before) }),
      ...(after !== undefined && { after: named(after) }),
    });
    const halves: BlockParts = {
      attention: half(['self_attn', (a) => attentionOf(a, shape, parts)], norms.attention),
      mlp: half(variant.mlp?.(l, raw, layer) ?? ['mlp', gated], norms.mlp),
      skip: skipped(raw),
    };
    return norms.shared === undefined
      ? new SequentialBlock(w, halves)
      : new ParallelBlock(w, { ...halves, shared: named(norms.shared) });
  };

  return new Decoder(config, weights, {
    ...{ vocabulary: c.vocabulary, width: c.width, layers: c.layers, context: c.context },
    ...{ block, norm: (w) => norm(w, c.width, c.eps), tied: c.tied },
    rotations: [...tables.values()],
    ...variant.frame?.(whole),
  });
}

/** A LLaMA whose layers differ, under the name by which vLLM and llama.cpp know such models (our per-layer export). */
export const isDeci = (config: RawConfig): boolean =>
  config['model_type'] === 'nemotron-nas' && 'lorashear' in config;

export const llama: Architecture = {
  matches: (config) => config['model_type'] === 'llama' || isDeci(config),
  build: (config, weights) => buildLlama(config, weights, { family: 'LLaMA' }),
  sizes: llamaSizes,
};
