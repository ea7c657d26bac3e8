// What may be taken out in one go: groups that lose units together, and the numbers of units that they may lose.
import { type GroupKind, type NodeGroup, type Partition, composedKinds } from '../groups/group.js';

/** Groups that lose units together. Level i takes `levels[i]` units from the largest of them. */
export interface Lane {
  readonly kind: GroupKind;
  /** null for what spans layers. */
  readonly layer: number | null;
  readonly groups: readonly NodeGroup[];
  /** Ascending; the first is not 0 where rounding takes something in any case. */
  readonly levels: readonly number[];
  /** Units that `group` loses at a level. */
  count(group: NodeGroup, level: number): number;
}

/** What holds for every group, whatever the rule of allocation. */
export interface Bounds {
  /** Share of the units of a group that stays at least. */
  readonly floor: number;
  /** Channels that stay are a multiple of it. */
  readonly multiple: number;
  readonly allowKept: (keptKvHeads: number) => boolean;
  /** Whether the experts that a token goes to have to stay. */
  readonly least: boolean;
}

export const channelKinds: ReadonlySet<GroupKind> = new Set(['mlp_channels', 'expert_channels']);

/** Units of a group that go in one step: one of each block. */
export const stepOf = ({ blocks = 1 }: NodeGroup): number => blocks;

/** Numbers of units that a group may lose, ascending; sublayers and layers go as a whole. */
export function levelsOf(group: NodeGroup, bounds: Bounds): number[] {
  const { kind, units } = group;
  if (composedKinds.has(kind)) return [0, units];
  const least = Math.max(
    stepOf(group),
    bounds.least ? (group.least ?? 1) : 1,
    Math.ceil(bounds.floor * units - 1e-9),
  );
  const step = channelKinds.has(kind) ? bounds.multiple : stepOf(group);
  const levels: number[] = [];
  for (let kept = Math.floor(units / step) * step; kept >= least; kept -= step) {
    if (kind === 'attention_heads' && kept < units && !bounds.allowKept(kept)) continue;
    levels.push(units - kept);
  }
  // A multiple that the floor leaves no room for: as little as it takes.
  return levels.length > 0 ? levels : [units - Math.floor(units / step) * step];
}

/** The lanes of groups that may each lose another number: only the experts of a layer keep as many channels. */
export function separateLanes(
  { groups }: Partition,
  bounds: Bounds,
  spared: ReadonlySet<string>,
): Lane[] {
  const together = new Map<string, NodeGroup[]>();
  for (const group of groups) {
    if (group.kind === 'lora_rank') continue;
    const key = group.kind === 'expert_channels' ? `experts ${String(group.layer)}` : group.id;
    together.set(key, [...(together.get(key) ?? []), group]);
  }
  return [...together.values()]
    .filter((members) => members.every(({ id, prunable }) => prunable && !spared.has(id)))
    .map((members) => laneOf(members, bounds));
}

/** One lane for each kind whose groups may all be cut: every layer loses as many, or the same share where sizes differ. */
export function uniformLanes({ groups }: Partition, bounds: Bounds): Lane[] {
  const kinds = new Set(groups.map(({ kind }) => kind));
  return [...kinds]
    .filter((kind) => kind !== 'lora_rank' && !composedKinds.has(kind))
    .map((kind) => groups.filter((group) => group.kind === kind))
    .filter((members) => members.every(({ prunable }) => prunable))
    .map((members) => laneOf(members, bounds));
}

function laneOf(groups: readonly NodeGroup[], bounds: Bounds): Lane {
  const largest = groups.reduce((a, b) => (b.units > a.units ? b : a));
  const levels = levelsOf(largest, bounds);
  const own = new Map(
    groups
      .filter(({ units }) => units !== largest.units)
      .map((group) => [group.id, levelsOf(group, bounds)]),
  );
  return {
    ...{ kind: largest.kind, groups, levels },
    layer: groups.every(({ layer }) => layer === largest.layer) ? largest.layer : null,
    count({ id, units }, level) {
      const lost = levels[level] ?? 0;
      const other = own.get(id);
      return other ? nearest(other, (lost * units) / largest.units) : lost;
    },
  };
}

/** The entry of an ascending list that is nearest to `wanted`; the smaller of two. */
export function nearest(ascending: readonly number[], wanted: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  const [a = 0, b = 0] = [ascending[low], ascending[high]];
  return wanted - a <= b - wanted ? a : b;
}

/**
 * Units that every group loses at these levels, by id. What lies in a sublayer or layer that goes as a whole loses
 * none of its own.
 */
export function countsAt(lanes: readonly Lane[], levels: ArrayLike<number>): Map<string, number> {
  const counts = new Map<string, number>();
  const gone = new Set<string>();
  lanes.forEach((lane, i) => {
    if (!composedKinds.has(lane.kind) || (levels[i] ?? 0) === 0) return;
    for (const { slices } of lane.groups) for (const { param } of slices) gone.add(param);
  });
  lanes.forEach((lane, i) => {
    for (const group of lane.groups) {
      const covered = gone.size > 0 && isCovered(lanes, levels, group, gone);
      counts.set(group.id, covered ? 0 : lane.count(group, levels[i] ?? 0));
    }
  });
  return counts;
}

/** Does all of the group go with a larger one? */
function isCovered(
  lanes: readonly Lane[],
  levels: ArrayLike<number>,
  { kind, layer, slices }: NodeGroup,
  gone: ReadonlySet<string>,
): boolean {
  if (kind === 'layer' || layer === null) return false;
  if (kind === 'sublayer') {
    return lanes.some(
      (lane, i) => lane.kind === 'layer' && lane.layer === layer && (levels[i] ?? 0) > 0,
    );
  }
  return slices.length > 0 && slices.every(({ param }) => gone.has(param));
}
