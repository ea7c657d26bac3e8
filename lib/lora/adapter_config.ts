// adapter_config.json of PEFT: written as peft 0.21 writes it, read with every option that is not computed here refused.
import { z } from 'zod';
import { LoraShearError } from '../errors.js';
import { type LoraSettings, checkSettings } from './settings.js';
import { type Pattern, keyMatches, matches } from './targets.js';

/** What peft 0.21.2 writes where nothing else is asked; what differs and is not handled here is refused. */
const neutral: Readonly<Record<string, unknown>> = {
  ...{ alora_invocation_tokens: null, arrow_config: null, auto_mapping: null, bias: 'none' },
  ...{ corda_config: null, ensure_weight_tying: false, eva_config: null, inference_mode: true },
  ...{ init_lora_weights: true, kasa_config: null, layer_replication: null, loftq_config: {} },
  ...{
    lora_bias: false,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: 'megatron.core',
  },
  ...{ modules_to_save: null, monteclora_config: null, peft_type: 'LORA', peft_version: '0.21.2' },
  ...{ qalora_group_size: 16, revision: null, target_parameters: null, task_type: 'CAUSAL_LM' },
  ...{ trainable_token_indices: null, use_bdlora: null, use_dora: false, use_qalora: false },
  velora_config: null,
};

/** Options that change nothing of what a finished adapter computes. */
const harmless = new Set([
  ...['auto_mapping', 'inference_mode', 'peft_version', 'revision', 'runtime_config'],
  ...['megatron_core', 'qalora_group_size', 'eva_config', 'corda_config', 'loftq_config'],
  ...['lora_ga_config', 'fan_in_fan_out'],
]);

/** First values of the factors that leave the base as it is; others (PiSSA, OLoRA, LoftQ, …) change it at loading. */
const plainInits = new Set<unknown>([true, false, 'gaussian', 'eva', 'orthogonal']);

const names = z.union([z.string(), z.array(z.string())]);
const count = z.number().int();

// Defaults are peft's own, for files of versions that did not write the key.
const handled = z.object({
  base_model_name_or_path: z.string().nullable().default(null),
  r: count.default(8),
  lora_alpha: z.number().default(8),
  lora_dropout: z.number().default(0),
  use_rslora: z.boolean().default(false),
  target_modules: names,
  exclude_modules: names.nullable().default(null),
  layers_to_transform: z
    .union([count, z.array(count)])
    .nullable()
    .default(null),
  layers_pattern: names.nullable().default(null),
  rank_pattern: z.record(z.string(), count).nullable().default({}),
  alpha_pattern: z.record(z.string(), z.number()).nullable().default({}),
});

export interface AdapterConfig {
  readonly settings: LoraSettings;
  /** Name or path of the base model, where the adapter names one. */
  readonly base: string | null;
}

/**
 * The keys and values that peft 0.21 writes for the same options, in its order.
 * @param targets as they are to be listed; `all-linear` is not for files
 */
export function toPeft(
  { settings, base }: AdapterConfig,
  { targets, fanInFanOut }: { targets: Pattern; fanInFanOut: boolean },
): Record<string, unknown> {
  const config = {
    ...neutral,
    base_model_name_or_path: base,
    r: settings.r,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    use_rslora: settings.useRslora,
    target_modules: targets,
    exclude_modules: settings.exclude,
    layers_to_transform: settings.layersToTransform,
    layers_pattern: settings.layersPattern,
    rank_pattern: settings.rankPattern,
    alpha_pattern: settings.alphaPattern,
    fan_in_fan_out: fanInFanOut,
  };
  return Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Reads what PEFT, any version of it, wrote at `path`.
 * @throws ADAPTER_UNSUPPORTED for options that change the computation and are not computed here, all in one error
 * @throws ADAPTER_INVALID for values that PEFT would not take either
 */
export function fromPeft(path: string, raw: Readonly<Record<string, unknown>>): AdapterConfig {
  const foreign = Object.entries(raw).filter(([key, value]) => !isComputed(key, value));
  if (raw['peft_type'] === undefined) {
    throw invalidAdapter(path, 'it names no peft_type', { rule: 'peft_type' });
  }
  if (foreign.length > 0) {
    const seen = foreign.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ');
    throw new LoraShearError('ADAPTER_UNSUPPORTED', `${path} asks for ${seen}`, {
      hint: 'LoRA on linears alone is computed here; merge the adapter with PEFT and load the merged model',
      facts: { path, options: Object.fromEntries(foreign) },
    });
  }
  const { data, error } = handled.safeParse(raw);
  if (!data) {
    const problems = error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw invalidAdapter(path, problems.join('; '), { problems });
  }
  const layers = data.layers_to_transform;
  const settings: LoraSettings = {
    r: data.r,
    alpha: data.lora_alpha,
    dropout: data.lora_dropout,
    useRslora: data.use_rslora,
    targets: data.target_modules,
    exclude: emptyIsNone(data.exclude_modules),
    layersToTransform: emptyIsNone(typeof layers === 'number' ? [layers] : layers),
    layersPattern: emptyIsNone([data.layers_pattern ?? []].flat()),
    rankPattern: data.rank_pattern ?? {},
    alphaPattern: data.alpha_pattern ?? {},
  };
  try {
    checkSettings(settings);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw invalidAdapter(path, what, { cause });
  }
  refusePatterns(path, settings);
  return { settings, base: data.base_model_name_or_path };
}

/** @throws ADAPTER_UNSUPPORTED for a regular expression that only Python reads */
function refusePatterns(path: string, settings: LoraSettings): void {
  const { targets, exclude, layersPattern, rankPattern, alphaPattern } = settings;
  const keys = [
    ...Object.keys(rankPattern),
    ...Object.keys(alphaPattern),
    ...(layersPattern ?? []),
  ];
  try {
    for (const key of keys) keyMatches(key, '');
    matches(targets, '');
    if (exclude !== null) matches(exclude, '');
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const hint = 'list the modules by name in adapter_config.json';
    throw new LoraShearError('ADAPTER_UNSUPPORTED', `${path}: ${what}`, { hint, cause });
  }
}

const emptyIsNone = <T extends { length: number }>(list: T | null): T | null =>
  list === null || list.length === 0 ? null : list;

function isComputed(key: string, value: unknown): boolean {
  if (key in handled.shape || harmless.has(key)) return true;
  if (key === 'init_lora_weights') return plainInits.has(value);
  const usual = neutral[key];
  return isNothing(value) ? isNothing(usual) || key === 'task_type' : value === usual;
}

/** How PEFT says that an option is not used. */
const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** The error for an adapter at `path` that contradicts itself. */
export function invalidAdapter(
  path: string,
  what: string,
  { cause, ...facts }: Record<string, unknown> = {},
): LoraShearError {
  return new LoraShearError('ADAPTER_INVALID', `${path}: ${what}`, {
    hint: 'copy or save the adapter again: adapter_config.json and adapter_model.safetensors of one run',
    facts: { path, ...facts },
    cause,
  });
}
