// The sizes that a cut changes, under the names that a family's config.json has for them.
import { type Sublayer, overridesOf } from './layer_config.js';
import type { RawConfig } from './model.js';

/** Sizes of one layer. */
export interface LayerSizes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly channels: number;
  readonly experts: number;
  readonly expertChannels: number;
}

/** Key of config.json for each size; what a family does not have or does not name has no key. */
export interface SizeKeys {
  readonly width: string;
  readonly layers: string;
  readonly vocabulary: string;
  readonly heads: string;
  readonly channels: string;
  /** Where kv heads have a number of their own. */
  readonly kvHeads?: string;
  /** Where the width of a head may be written; else it is width / heads in stock loaders. */
  readonly headDim?: string;
  /** What it is where config.json does not say it, if not width / heads. */
  readonly headDimDefault?: number;
  readonly experts?: string;
  readonly expertChannels?: string;
  /** ε of the norms over the residual width, and what it is where config.json does not say it. */
  readonly eps?: string;
  readonly epsDefault?: number;
  /** Keys that follow the width where they are equal to it. */
  readonly widthToo?: readonly string[];
  /** Other names of keys, by which some writers know them: alias → key. A cut config has the key alone. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Restates what the config says by numbers of layers, when layer `from[i]` becomes layer i. */
  readonly renumbered?: (config: RawConfig, from: readonly number[]) => RawConfig;
  /** Lists with one entry for each layer. */
  readonly perLayerLists?: readonly string[];
  /** Such lists as a config.json means that lacks them: written out once a layer is gone. */
  readonly impliedLists?: (config: RawConfig) => Readonly<Record<string, readonly unknown[]>>;
}

/** Features of a head, as config.json or its family's defaults say it. */
export function headDimOf(config: RawConfig, keys: SizeKeys): number {
  const explicit = config[keys.headDim ?? 'head_dim'];
  if (typeof explicit === 'number') return explicit;
  return keys.headDimDefault ?? Number(config[keys.width]) / Number(config[keys.heads]);
}

/** Sizes after a cut. */
export interface Resized {
  /** One entry for each layer that stays: its number in the whole model, its sizes, and what of it is gone. */
  readonly layers: readonly {
    readonly from: number;
    readonly sizes: Partial<LayerSizes>;
    readonly skip: readonly Sublayer[];
  }[];
  readonly headDim: number;
  readonly width?: number;
  readonly vocabulary?: number;
  readonly eps?: number;
}

/**
 * config.json of the cut model: one number where all layers agree, `per_layer_config` where they differ.
 * Keys that say nothing new are left as they were.
 */
export function resizeConfig(config: RawConfig, keys: SizeKeys, resized: Resized): RawConfig {
  const { layers } = resized;
  const gone = layers.length !== Number(config[keys.layers]);
  const from = layers.map((layer) => layer.from);
  const changed = withoutAliases(gone ? (keys.renumbered?.(config, from) ?? config) : config, keys);
  const set = (key: string | undefined, value: number | undefined): void => {
    if (key !== undefined && value !== undefined) changed[key] = value;
  };
  set(keys.width, resized.width);
  for (const key of resized.width === undefined ? [] : (keys.widthToo ?? [])) {
    if (config[key] === config[keys.width]) changed[key] = resized.width;
  }
  set(keys.vocabulary, resized.vocabulary);
  set(keys.eps, resized.eps);
  if (gone) set(keys.layers, layers.length);
  const implied = gone ? (keys.impliedLists?.(config) ?? {}) : {};
  for (const list of keys.perLayerLists ?? []) {
    const entries: unknown = config[list] ?? implied[list];
    if (Array.isArray(entries)) changed[list] = layers.map(({ from }) => entries[from] as unknown);
  }

  const before = overridesOf(config);
  const own = layers.map(({ from, sizes, skip }) => {
    const { skip: was = [], ...kept } = before[String(from)] ?? {};
    const entry = withoutAliases(kept, keys);
    for (const [size, value] of Object.entries(sizes)) {
      const key = keys[size as keyof LayerSizes];
      if (key !== undefined) entry[key] = value;
    }
    const halves = [...new Set([...(was as Sublayer[]), ...skip])].sort();
    if (halves.length > 0) entry['skip'] = halves;
    return entry;
  });
  // What all layers have alike is the model's; a layer that lacks the half which has the size does not count.
  for (const size of ['heads', 'kvHeads', 'channels', 'experts', 'expertChannels'] as const) {
    const key = keys[size];
    if (key === undefined) continue;
    const values = new Set(own.filter((entry) => key in entry).map((entry) => entry[key]));
    if (values.size !== 1) continue;
    const open = (entry: Readonly<Record<string, unknown>>, i: number): boolean =>
      !(key in entry) && !('skip' in entry) && !lacks(layers[i]?.sizes ?? {}, size);
    if (own.some(open)) continue;
    changed[key] = [...values][0];
    for (const entry of own) Reflect.deleteProperty(entry, key);
  }
  // Where only one of the two is alike, the model's own heads may not fit together: they are then those of one layer.
  const [headKey, kvKey] = [keys.heads, keys.kvHeads];
  if (kvKey !== undefined && Number(changed[headKey]) % Number(changed[kvKey]) !== 0) {
    const whole = own.find((entry) => headKey in entry || kvKey in entry);
    for (const key of [headKey, kvKey]) if (whole && key in whole) changed[key] = whole[key];
  }
  // Written out, because width / heads says something else once one of them is cut.
  const headsKey = keys.headDim ?? 'head_dim';
  const heads = Number(changed[keys.heads]);
  const uneven = own.some((entry) => keys.heads in entry);
  if (headsKey in config || uneven || Number(changed[keys.width]) !== heads * resized.headDim) {
    changed[headsKey] = resized.headDim;
  }
  const sparse = Object.fromEntries(
    own.flatMap((entry, i) => (Object.keys(entry).length === 0 ? [] : [[String(i), entry]])),
  );
  if (Object.keys(sparse).length > 0) changed['per_layer_config'] = sparse;
  else Reflect.deleteProperty(changed, 'per_layer_config');
  return changed;
}

/** A layer has channels of its own or those of experts, so that one size says that the other is not there. */
function lacks(sizes: Partial<LayerSizes>, size: keyof LayerSizes): boolean {
  if (size === 'channels') return 'experts' in sizes;
  return (size === 'experts' || size === 'expertChannels') && 'channels' in sizes;
}

function withoutAliases(
  config: Readonly<Record<string, unknown>>,
  { aliases = {} }: SizeKeys,
): Record<string, unknown> {
  const renamed: Record<string, unknown> = { ...config };
  for (const [alias, key] of Object.entries(aliases)) {
    if (!(alias in config)) continue;
    renamed[key] ??= config[alias];
    Reflect.deleteProperty(renamed, alias);
  }
  return renamed;
}
