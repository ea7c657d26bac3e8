// A model whose layers differ becomes one whose layers are alike: zeros fill what is missing (conventions §3.3).
import { stockTakes } from '../checkpoint/export_config.js';
import { exportForm } from '../checkpoint/form_error.js';
import type { GroupKind, NodeGroup, Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import { overridesOf } from '../models/layer_config.js';
import type { Model, RawConfig } from '../models/model.js';
import { type LayerSizes, type SizeKeys, headDimOf, resizeConfig } from '../models/sizes.js';
import { expand } from './expand.js';
import { type LayerRow, layerTable } from './layer_table.js';
import type { Removed } from './losses.js';
import { structureOf } from './structure.js';

/** What layers may differ in. */
export const layerKinds: readonly GroupKind[] = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'experts',
  'expert_channels',
  'sublayer',
];

/** The shape of the padded model, and which of its units are zeros. */
export interface Padding {
  readonly config: RawConfig;
  readonly partition: Partition;
  readonly removed: Removed;
}

/** Heads of every layer: key-value heads, and query heads of each. */
interface Heads {
  readonly kv: number;
  readonly each: number;
}

/**
 * The sizes that hold every layer of the model of `config`: of each kind the largest number that a layer keeps, and more
 * heads where stock transformers refuses that many.
 * @param accepts whether a stock family can be written with so many query heads
 * @throws EXPORT_FORM where zeros cannot fill what is missing: experts, or heads that no stock family takes
 */
export function paddingOf(
  config: RawConfig,
  accepts: (heads: number) => boolean = (heads) => stockTakes(config, heads),
): Padding {
  const { sizes: keys } = architectureOf(config);
  const table = layerTable(config, keys, structureOf(config, { kinds: layerKinds }));
  refuseExperts(table, keys);
  const heads = headsFor(config, keys, table, accepts);
  const sizes = padded(table, heads, keys);
  const alike = alikeConfig(config, keys, sizes);
  const partition = structureOf(alike, { kinds: layerKinds });
  const removed = new Map<string, readonly number[]>();
  table.forEach((row, layer) => {
    const own = partition.groups.filter((group) => group.layer === layer);
    for (const [group, units] of missing(own, row, heads)) {
      if (units.length > 0) removed.set(group.id, units);
    }
  });
  return { config: alike, partition, removed };
}

/**
 * `compact` with zeros, so that all its layers have the same sizes: it computes the same. It owns its memory; its config
 * has no keys of single layers.
 * @throws EXPORT_FORM as {@link paddingOf}
 */
export function padModel(compact: Model, { config, partition, removed }: Padding): Model {
  return expand(compact, config, partition, removed);
}

/** config.json with these sizes in every layer, and nothing that says otherwise for one. */
export function alikeConfig(
  config: RawConfig,
  keys: SizeKeys,
  sizes: Partial<LayerSizes>,
): RawConfig {
  const bare = Object.fromEntries(
    Object.entries(overridesOf(config)).map(([layer, own = {}]) => [
      layer,
      Object.fromEntries(Object.entries(own).filter(([key]) => key !== 'skip')),
    ]),
  );
  const layers = Array.from({ length: Number(config[keys.layers]) }, (_, from) => ({
    ...{ from, sizes, skip: [] },
  }));
  const headDim = headDimOf(config, keys);
  const alike = resizeConfig({ ...config, per_layer_config: bare }, keys, { layers, headDim });
  const left = Object.values(overridesOf(alike)).flatMap((own) => Object.keys(own ?? {}));
  if (left.length === 0) return alike;
  throw exportForm(`layers differ in ${[...new Set(left)].join(', ')}`, {
    hint: 'only --form per-layer can say that',
    facts: { keys: left },
  });
}

/** torch's grouped product, by which transformers multiplies experts, wants rows of 16 bytes, of the smallest type here. */
const expertRow = 8;

/** The largest of each kind; keys that the config does not use stay unwritten. */
function padded(
  table: readonly LayerRow[],
  { kv, each }: Heads,
  keys: SizeKeys,
): Partial<LayerSizes> {
  const most = (size: keyof LayerSizes): number =>
    Math.max(0, ...table.map((row) => row[size] ?? 0));
  const sizes: { -readonly [K in keyof LayerSizes]?: number } = {};
  if (table.some((row) => row.heads !== undefined)) {
    sizes.heads = kv * each;
    if (keys.kvHeads !== undefined) sizes.kvHeads = kv;
  }
  for (const size of ['channels', 'experts', 'expertChannels'] as const) {
    if (most(size) > 0) sizes[size] = most(size);
  }
  if (sizes.expertChannels !== undefined) {
    sizes.expertChannels = Math.ceil(sizes.expertChannels / expertRow) * expertRow;
  }
  return sizes;
}

function refuseExperts(table: readonly LayerRow[], { experts = 'experts' }: SizeKeys): void {
  const counts = new Set(table.flatMap((row) => row.experts ?? []));
  if (counts.size < 2) return;
  throw exportForm(`layers keep different numbers of ${experts} (${[...counts].join(', ')})`, {
    hint: 'an expert of zeros would still get its share of the router: use --form per-layer, or cut as many from each layer',
    facts: { experts: [...counts] },
  });
}

/** The fewest heads that hold every layer's and that a stock family takes. */
function headsFor(
  config: RawConfig,
  keys: SizeKeys,
  table: readonly LayerRow[],
  accepts: (heads: number) => boolean,
): Heads {
  const rows = table.filter((row) => row.heads !== undefined);
  const kv = Math.max(1, ...rows.map((row) => row.kvHeads ?? 1));
  const each = Math.max(1, ...rows.map((row) => (row.heads ?? 1) / (row.kvHeads ?? 1)));
  // What a family cannot say stays: queries of their own where every head has its key, more than one key where all share it.
  const shared = config['multi_query'] === true && config['new_decoder_architecture'] !== true;
  const limit = Math.max(2 * kv * each, Number(config[keys.width]) / headDimOf(config, keys));
  const found: Heads[] = [];
  for (let k = kv; k <= (shared ? kv : limit); k++) {
    for (let g = each; k * g <= limit && (g === each || keys.kvHeads !== undefined || shared); g++)
      if (accepts(k * g)) found.push({ kv: k, each: g });
  }
  const [best] = found.sort((a, b) => a.kv * a.each - b.kv * b.each || a.each - b.each);
  if (best) return best;
  throw exportForm(`no stock family takes ${kv * each} query heads or more`, {
    hint: 'use --form per-layer, or cut another number of heads',
    facts: { heads: kv * each },
  });
}

/** Units of a layer of the padded model that the layer does not have: the last ones of each group. */
function missing(
  own: readonly NodeGroup[],
  row: LayerRow,
  heads: Heads,
): (readonly [NodeGroup, readonly number[]])[] {
  const from = (start: number, end: number): number[] =>
    Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
  const { kvHeads = heads.kv, channels, expertChannels } = row;
  const each = row.heads === undefined ? heads.each : row.heads / kvHeads;
  return own.map((group) => {
    const { kind, units, id } = group;
    switch (kind) {
      case 'sublayer':
        return [group, row.skip.some((half) => id.endsWith(`.${half}`)) ? [0] : []];
      case 'attention_heads':
        return [group, from(kvHeads, units)];
      case 'query_heads':
        return [
          group,
          from(0, kvHeads).flatMap((k) => from(k * heads.each + each, (k + 1) * heads.each)),
        ];
      case 'mlp_channels':
        return [group, from(channels ?? units, units)];
      case 'expert_channels':
        return [group, from(expertChannels ?? units, units)];
      default:
        return [group, []];
    }
  });
}
