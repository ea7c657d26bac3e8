// What every layer of a model keeps, read off its groups, and whether all layers are alike.
import type { NodeGroup, Partition } from '../groups/group.js';
import { ranges } from '../groups/describe.js';
import { type Sublayer, layerConfig, skipped } from '../models/layer_config.js';
import type { RawConfig } from '../models/model.js';
import type { LayerSizes, SizeKeys } from '../models/sizes.js';

/** Sizes of one layer; what it does not have, or has in a half that is skipped, is not there. */
export interface LayerRow extends Partial<LayerSizes> {
  readonly skip: readonly Sublayer[];
}

/** One row for each layer. @param partition of the model of `config`, of any policy */
export function layerTable(config: RawConfig, keys: SizeKeys, { groups }: Partition): LayerRow[] {
  return Array.from({ length: Number(config[keys.layers]) }, (_, i) => {
    const own = layerConfig(config, i);
    const skip = [...skipped(own)].sort();
    const mine = groups.filter(({ layer }) => layer === i);
    return {
      ...(skip.includes('attention') ? {} : headsOf(own, keys, mine)),
      ...(skip.includes('mlp') ? {} : feedForwardOf(own, keys, mine)),
      skip,
    };
  });
}

function headsOf(
  own: RawConfig,
  keys: SizeKeys,
  groups: readonly NodeGroup[],
): Pick<LayerRow, 'heads' | 'kvHeads'> {
  const heads = Number(own[keys.heads]);
  const kv = groups.find(({ kind }) => kind === 'attention_heads')?.units;
  const blocks = groups.find(({ kind }) => kind === 'query_heads')?.blocks;
  // A single head is no dimension that groups know.
  const single = own['multi_query'] === true && own['new_decoder_architecture'] !== true;
  const written = keys.kvHeads === undefined ? undefined : own[keys.kvHeads];
  const told = typeof written === 'number' && !single ? written : single ? 1 : heads;
  return { heads, kvHeads: kv ?? blocks ?? told };
}

function feedForwardOf(
  own: RawConfig,
  keys: SizeKeys,
  groups: readonly NodeGroup[],
): Partial<LayerRow> {
  const of = (kind: NodeGroup['kind']): number | undefined =>
    groups.find((group) => group.kind === kind)?.units;
  const experts = of('experts');
  if (experts !== undefined) {
    const expertChannels = of('expert_channels');
    return { experts, ...(expertChannels === undefined ? {} : { expertChannels }) };
  }
  const channels = of('mlp_channels') ?? own[keys.channels];
  return typeof channels === 'number' ? { channels } : {};
}

const sizes = ['heads', 'kvHeads', 'channels', 'experts', 'expertChannels'] as const;

/** What differs, in words: `num_key_value_heads is 2 in layers 0–3 and 1 in layer 4`; empty where all are alike. */
export function differences(table: readonly LayerRow[], keys: SizeKeys): string[] {
  const found: string[] = [];
  for (const size of sizes) {
    const layers = new Map<number, number[]>();
    table.forEach((row, i) => {
      const value = row[size];
      if (value !== undefined) layers.set(value, [...(layers.get(value) ?? []), i]);
    });
    if (layers.size < 2) continue;
    const parts = Array.from(layers, ([value, of]) => `${value} in ${named(of)}`);
    found.push(`${keys[size] ?? size} is ${parts.join(' and ')}`);
  }
  for (const half of ['attention', 'mlp'] as const) {
    const without = table.flatMap(({ skip }, i) => (skip.includes(half) ? [i] : []));
    if (without.length > 0) found.push(`${named(without)} without ${half}`);
  }
  return found;
}

const named = (layers: readonly number[]): string =>
  `layer${layers.length > 1 ? 's' : ''} ${ranges(layers)}`;
