// What every parameter loses in a cut: indices by dimension, or all of it.
import { LoraShearError } from '../errors.js';
import { type NodeGroup, type Partition, composedKinds } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';

/** Units to remove, by group id; a group without an entry keeps all. */
export type Removed = ReadonlyMap<string, readonly number[]>;

/** Indices that go, by dimension, for one parameter. */
export type Losses = ReadonlyMap<number, ReadonlySet<number>>;

export interface CutLosses {
  readonly of: ReadonlyMap<string, Losses>;
  /** Parameters that go as a whole, with their sublayer, layer or expert. */
  readonly whole: ReadonlySet<string>;
}

/** @throws PARTITION_INVALID for what is no group or unit, or may not be cut, or must not be cut unevenly */
export function lossesOf(partition: Partition, removed: Removed): CutLosses {
  const groups = new Map(partition.groups.map((group) => [group.id, group]));
  const of = new Map<string, Map<number, Set<number>>>();
  const whole = new Set<string>();
  for (const [id, units] of removed) {
    const group = groups.get(id);
    if (!group) throw invalidCut(`there is no group '${id}'`);
    check(group, units, removed, partition);
    if (units.length === 0) continue;
    for (const slice of group.slices) {
      if (composedKinds.has(group.kind)) {
        whole.add(slice.param);
        continue;
      }
      const dims = of.get(slice.param) ?? new Map<number, Set<number>>();
      of.set(slice.param, dims);
      const gone = dims.get(slice.dim) ?? new Set<number>();
      dims.set(slice.dim, gone);
      for (const unit of units) {
        for (const index of sliceIndices(slice, group.units, unit)) gone.add(index);
      }
      if (group.kind === 'experts' && gone.size === slice.extent) whole.add(slice.param);
    }
  }
  return { of, whole };
}

function check(
  group: NodeGroup,
  units: readonly number[],
  removed: Removed,
  partition: Partition,
): void {
  const { id } = group;
  const odd = units.find((u) => !Number.isInteger(u) || u < 0 || u >= group.units);
  if (odd !== undefined)
    throw invalidCut(`${id} has ${group.units} units, there is no unit ${odd}`);
  if (units.length > 0 && !group.prunable) throw invalidCut(`${id} may not be cut`);
  const { blocks } = group;
  if (blocks === undefined) return;
  // Blocks that go with a group around them (the key-value head of query heads) do not count.
  const around = partition.groups.find(
    ({ layer, kind }) => layer === group.layer && kind === 'attention_heads',
  );
  const goneBlocks = new Set(around?.units === blocks ? removed.get(around.id) : []);
  const size = group.units / blocks;
  const counts = Array.from({ length: blocks }, (_, block) =>
    goneBlocks.has(block) ? null : units.filter((u) => Math.floor(u / size) === block).length,
  ).filter((count) => count !== null);
  if (new Set(counts).size > 1) {
    throw invalidCut(`${id} loses ${counts.join(', ')} units of its ${blocks} blocks of ${size}`);
  }
}

/** Distinct units that a group loses. */
export function lossOf(group: NodeGroup, removed: Removed): number {
  return new Set(removed.get(group.id) ?? []).size;
}

export const invalidCut = (what: string): LoraShearError =>
  new LoraShearError('PARTITION_INVALID', what, {
    hint: 'the units must be those of the partition of this model, and one of each group must stay',
  });
