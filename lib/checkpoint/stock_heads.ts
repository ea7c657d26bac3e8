// How transformers' own classes take their heads: asked of version 5.24 itself (scripts/fixtures/engines.py).
import { architectureOf } from '../models/index.js';
import type { RawConfig } from '../models/model.js';
import { headDimOf } from '../models/sizes.js';

/** How a family of transformers takes its heads. */
export interface StockHeads {
  /** Reads `head_dim`; else a head is always hidden_size / heads. */
  readonly headDim: boolean;
  /** Refuses a hidden size that is no multiple of the heads, whatever head_dim says. */
  readonly divides: boolean;
}

const free: StockHeads = { headDim: true, divides: false };
const strict: StockHeads = { headDim: true, divides: true };
const derived: StockHeads = { headDim: false, divides: true };

/** By model_type. */
export const stockHeads: Readonly<Record<string, StockHeads>> = {
  llama: strict,
  mistral: free,
  qwen2: free,
  qwen3: free,
  gemma: free,
  gemma2: strict,
  gemma3_text: strict,
  cohere: free,
  olmo2: free,
  phi3: free,
  glm4: free,
  phi: free,
  starcoder2: free,
  mixtral: free,
  qwen3_moe: free,
  gpt2: derived,
  gpt_neox: derived,
  opt: derived,
  falcon: derived,
  stablelm: derived,
};

/** Phi-3 checks the factors of LongRoPE against hidden_size / heads, whatever head_dim says. */
function ruleOf(config: RawConfig): StockHeads | undefined {
  const type = String(config['model_type']);
  const rope = (config['rope_parameters'] ?? config['rope_scaling'] ?? {}) as RawConfig;
  const isLong = [rope['rope_type'], rope['type']].includes('longrope');
  return type === 'phi3' && isLong ? derived : stockHeads[type];
}

/** Why stock transformers does not build a model of this config with `heads` query heads in each layer; or null. */
export function headsRefusal(config: RawConfig, heads: number): string | null {
  const type = String(config['model_type']);
  const rule = ruleOf(config);
  const { sizes } = architectureOf(config);
  const width = Number(config[sizes.width]);
  const headDim = headDimOf(config, sizes);
  if (rule?.headDim === false && heads * headDim !== width) {
    return `transformers' ${type} takes ${sizes.width} / ${sizes.heads} for the width of a head: ${heads} of ${headDim} make ${heads * headDim}, ${sizes.width} is ${width}`;
  }
  if (rule?.divides === true && width % heads !== 0) {
    return `transformers' ${type} takes no ${heads} heads at a hidden size of ${width}`;
  }
  return null;
}
