// The config.json under which stock loaders take a cut model (conventions §3.3).
import { LoraShearError } from '../errors.js';
import { architectureOf } from '../models/index.js';
import { isDeci } from '../models/llama.js';
import { mistralConfigOf } from '../models/mistral.js';
import type { RawConfig } from '../models/model.js';
import { type DType, dtypes } from '../tensor/dtype.js';
import { headsRefusal, stockHeads } from './stock_heads.js';

export interface ExportConfig {
  readonly config: RawConfig;
  readonly modelType: string;
  /** Why the type is not the input's. */
  readonly reason?: string;
  /** Element type that the weights are stored in. */
  readonly dtype: DType;
}

/** Element types that weights can be stored in. */
export type StoredType = 'float32' | 'bfloat16' | 'float16';

/**
 * Does transformers 5 take `heads` query heads for this config as it is? Its `llama` refuses a hidden size that
 * is no multiple of the head count, even where head_dim is given; its other families do not.
 */
export function loadsAsItself(config: RawConfig, heads: number): boolean {
  return config['model_type'] !== 'llama' || Number(config['hidden_size']) % heads === 0;
}

/** Does the model carry biases, which transformers' `mistral` has no place for? */
export function hasBiases(config: RawConfig): boolean {
  return config['attention_bias'] === true || config['mlp_bias'] === true;
}

/** Can a model of this config with `heads` query heads in every layer be written for stock transformers? */
export function stockTakes(config: RawConfig, heads: number): boolean {
  if (config['model_type'] === 'llama' && !hasBiases(config)) return true;
  return headsRefusal(config, heads) === null;
}

/**
 * Which numbers of kept kv heads can be exported: all, unless the family's stock class refuses some (a llama can become a
 * mistral unless it has biases) or the model must stay a `llama` (`stock: 'llama'`, for engines that know no other family).
 */
export function keptHeadsRule(
  config: RawConfig,
  { stock }: { stock?: 'llama' } = {},
): (keptKvHeads: number) => boolean {
  const { sizes } = architectureOf(config);
  const heads = Number(config[sizes.heads]);
  const perKvHead = heads / Number(config[sizes.kvHeads ?? ''] ?? heads);
  return (kept) =>
    stock === undefined
      ? stockTakes(config, kept * perKvHead)
      : loadsAsItself(config, kept * perKvHead);
}

/** config.json without what an earlier export of ours added for engines. */
export function plainConfig(config: RawConfig): RawConfig {
  const ours = ['auto_map', 'block_configs', 'lorashear'];
  const bare = Object.fromEntries(Object.entries(config).filter(([key]) => !ours.includes(key)));
  if (isDeci(config)) return { ...bare, model_type: 'llama', architectures: ['LlamaForCausalLM'] };
  if (!('auto_map' in config)) return bare;
  const { architectures: _, ...rest } = bare;
  return rest;
}

/**
 * config.json for the export of a model with this config: as `mistral` where the `llama` rule forbids the heads.
 * @throws CHECKPOINT_UNSUPPORTED when neither family can hold it
 */
export function exportConfig(given: RawConfig, as?: StoredType): ExportConfig {
  const config = plainConfig(given);
  const typeKey = 'dtype' in config ? 'dtype' : 'torch_dtype';
  const dtype = as ?? storedType(config[typeKey]);
  const heads = Number(config['num_attention_heads']);
  const modelType = String(config['model_type']);
  if (loadsAsItself(config, heads)) {
    const architectures = config['architectures'] ?? [architectureName(modelType)];
    return {
      ...{ config: { ...stockKeys(config), architectures, [typeKey]: dtype } },
      ...{ modelType, dtype },
    };
  }
  const reason = `transformers' llama takes no ${heads} heads at a hidden size of ${String(config['hidden_size'])}`;
  if (hasBiases(config)) {
    throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `${reason}, and its mistral has no biases`, {
      hint: 'cut another number of heads, one that divides the hidden size',
      facts: { heads, hiddenSize: config['hidden_size'] },
    });
  }
  return {
    config: { ...mistralConfigOf(config), [typeKey]: dtype },
    modelType: 'mistral',
    reason: `${reason}; as mistral without a sliding window the same weights compute the same`,
    dtype,
  };
}

/** A family that does not read head_dim has no key for it once it says nothing. */
function stockKeys(config: RawConfig): RawConfig {
  const { sizes } = architectureOf(config);
  const [width, heads] = [Number(config[sizes.width]), Number(config[sizes.heads])];
  const rule = stockHeads[String(config['model_type'])];
  if (rule?.headDim !== false || Number(config['head_dim']) * heads !== width) return config;
  const { head_dim: _, ...rest } = config;
  return rest;
}

/** Classes whose names are not their model_type's in capitals. */
const classes: Readonly<Record<string, string>> = {
  gpt2: 'GPT2LMHeadModel',
  gpt_neox: 'GPTNeoXForCausalLM',
  opt: 'OPTForCausalLM',
  gemma3_text: 'Gemma3ForCausalLM',
  qwen3_moe: 'Qwen3MoeForCausalLM',
  stablelm: 'StableLmForCausalLM',
};

/** The class of transformers for a causal model of this type. */
export function architectureName(modelType: string): string {
  const capital = `${modelType.charAt(0).toUpperCase()}${modelType.slice(1)}`;
  return classes[modelType] ?? `${capital}ForCausalLM`;
}

function storedType(named: unknown): DType {
  const known = ['float32', 'bfloat16', 'float16'] as const satisfies (keyof typeof dtypes)[];
  return known.find((name) => name === named) ?? 'float32';
}
