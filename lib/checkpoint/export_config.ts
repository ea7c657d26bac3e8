// The config.json under which stock loaders take a cut model (conventions §3.3).
import { LoraShearError } from '../errors.js';
import { mistralConfigOf } from '../models/mistral.js';
import type { RawConfig } from '../models/model.js';
import { type DType, dtypes } from '../tensor/dtype.js';

export interface ExportConfig {
  readonly config: RawConfig;
  readonly modelType: string;
  /** Why the type is not the input's. */
  readonly reason?: string;
  /** Element type that the weights are stored in. */
  readonly dtype: DType;
}

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

/**
 * Which numbers of kept kv heads can be exported: all, unless the model has biases or must stay a `llama`
 * (`stock: 'llama'`, for engines that know no other family).
 */
export function keptHeadsRule(
  config: RawConfig,
  { stock }: { stock?: 'llama' } = {},
): (keptKvHeads: number) => boolean {
  if (!hasBiases(config) && stock === undefined) return () => true;
  const heads = Number(config['num_attention_heads']);
  const perKvHead = heads / Number(config['num_key_value_heads'] ?? heads);
  return (kept) => loadsAsItself(config, kept * perKvHead);
}

/**
 * config.json for the export of a model with this config: as `mistral` where the `llama` rule forbids the heads.
 * @throws CHECKPOINT_UNSUPPORTED when neither family can hold it
 */
export function exportConfig(config: RawConfig): ExportConfig {
  const typeKey = 'dtype' in config ? 'dtype' : 'torch_dtype';
  const dtype = storedType(config[typeKey]);
  const heads = Number(config['num_attention_heads']);
  const modelType = String(config['model_type']);
  if (loadsAsItself(config, heads)) {
    const architectures = config['architectures'] ?? [
      `${modelType.charAt(0).toUpperCase()}${modelType.slice(1)}ForCausalLM`,
    ];
    return { config: { ...config, architectures, [typeKey]: dtype }, modelType, dtype };
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

function storedType(named: unknown): DType {
  const known = ['float32', 'bfloat16', 'float16'] as const satisfies (keyof typeof dtypes)[];
  return known.find((name) => name === named) ?? 'float32';
}
