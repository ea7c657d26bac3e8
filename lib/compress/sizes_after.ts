// The sizes of a model after a cut, layer by layer, for its config.json.
import type { GroupKind, NodeGroup, Partition } from '../groups/group.js';
import { type Sublayer, layerConfig } from '../models/layer_config.js';
import type { Architecture, RawConfig } from '../models/model.js';
import { type LayerSizes, type Resized, headDimOf } from '../models/sizes.js';
import { expertSizes } from './experts.js';
import { type CutLosses, type Removed, invalidCut, lossOf } from './losses.js';

type Sizes = { -readonly [K in keyof LayerSizes]?: number };

/** @throws PARTITION_INVALID where a group would lose all its units */
export function sizesAfter(
  { sizes: keys }: Architecture,
  config: RawConfig,
  partition: Partition,
  removed: Removed,
  losses: CutLosses,
): Resized {
  const { groups } = partition;
  const left = (group: NodeGroup): number => {
    const count = group.units - lossOf(group, removed);
    if (count < 1) throw invalidCut(`no unit of ${group.id} would stay`);
    return count;
  };
  const layers: Resized['layers'][number][] = [];
  for (let from = 0; from < Number(config[keys.layers]); from++) {
    const own = groups.filter(({ layer }) => layer === from);
    const skip = skipsOf(own, removed);
    if (own.some((group) => group.kind === 'layer' && lossOf(group, removed) > 0)) continue;
    if (skip.length > 1 && allGone(own, losses)) continue;
    layers.push({ from, sizes: layerSizes(own, config, keys, from, removed, left, skip), skip });
  }
  if (layers.length === 0) throw invalidCut('no layer would stay');
  const headDim = headDimOf(config, keys);
  const residual = groups.find((group) => group.kind === 'residual' && lossOf(group, removed) > 0);
  const vocabulary = groups.find(
    (group) => group.kind === 'vocabulary' && lossOf(group, removed) > 0,
  );
  const eps = Number(config[keys.eps ?? ''] ?? keys.epsDefault);
  if (residual && Number.isNaN(eps))
    throw invalidCut(`config.json does not say ${keys.eps ?? 'ε'}`);
  return {
    ...{ layers, headDim },
    ...(residual ? { width: left(residual) } : {}),
    // The mean runs over fewer features: ε goes with them (algorithm.md §1.5).
    ...(residual ? { eps: (eps * residual.units) / left(residual) } : {}),
    ...(vocabulary ? { vocabulary: left(vocabulary) } : {}),
  };
}

function skipsOf(own: readonly NodeGroup[], removed: Removed): Sublayer[] {
  return own
    .filter((group) => group.kind === 'sublayer' && lossOf(group, removed) > 0)
    .map(({ id }) => id.slice(id.lastIndexOf('.') + 1) as Sublayer);
}

/** Is there a parameter of the layer that stays? */
function allGone(own: readonly NodeGroup[], { whole }: CutLosses): boolean {
  return own.every(({ slices }) => slices.every(({ param }) => whole.has(param)));
}

function layerSizes(
  own: readonly NodeGroup[],
  config: RawConfig,
  keys: Architecture['sizes'],
  layer: number,
  removed: Removed,
  left: (group: NodeGroup) => number,
  skip: readonly Sublayer[],
): Sizes {
  const find = (kind: GroupKind): NodeGroup | undefined => own.find((group) => group.kind === kind);
  const sizes: Sizes = {};
  if (!skip.includes('attention')) {
    const heads = Number(layerConfig(config, layer)[keys.heads]);
    const [kv, query] = [find('attention_heads'), find('query_heads')];
    const kvHeads = kv?.units ?? query?.blocks ?? 1;
    const kvLeft = kv ? left(kv) : kvHeads;
    const lostKv = new Set(kv ? removed.get(kv.id) : []);
    const perHead = heads / kvHeads;
    const lost = new Set(
      (query ? (removed.get(query.id) ?? []) : []).filter(
        (unit) => !lostKv.has(Math.floor(unit / perHead)),
      ),
    ).size;
    if (kv || query) sizes.heads = kvLeft * perHead - lost;
    if (kv) sizes.kvHeads = kvLeft;
  }
  const channels = find('mlp_channels');
  if (channels && !skip.includes('mlp')) sizes.channels = left(channels);
  if (!skip.includes('mlp')) Object.assign(sizes, expertSizes(own, removed));
  return sizes;
}
