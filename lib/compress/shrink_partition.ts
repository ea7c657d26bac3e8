// The partition of a cut model, worked out from that of the whole one: which units are left, and where they lie now.
import { LoraShearError } from '../errors.js';
import { unitCost } from '../groups/cost.js';
import type { NodeGroup, Partition, Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { type Removed, lossesOf } from './losses.js';

/** Where the indices of one dimension of a parameter are after the cut; undefined for those that are gone. */
type Moved = (index: number) => number | undefined;

/** A partition and, for each of its groups, the units of the whole one that its units are, ascending. */
export interface Shrunk {
  readonly partition: Partition;
  readonly left: ReadonlyMap<string, readonly number[]>;
}

/**
 * Groups keep their names, their units are numbered anew in the order in which they were. Layers and experts must all
 * stay, because their parameters would get other names.
 * @param removed units by group, as {@link lossesOf} takes them
 * @param shapes of the cut model's parameters, by name
 * @throws PARTITION_INVALID where the units that are left do not lie evenly
 */
export function shrinkPartition(
  partition: Partition,
  removed: Removed,
  shapes: ReadonlyMap<string, readonly number[]>,
): Shrunk {
  const { of } = lossesOf(partition, removed);
  const moves = new Map<string, Moved>();
  const moved = ({ param, dim, extent }: Slice): Moved => {
    const key = `${param}/${dim}`;
    let move = moves.get(key);
    if (!move) moves.set(key, (move = moveOf(extent, of.get(param)?.get(dim))));
    return move;
  };
  const units = new Map<string, readonly number[]>();
  const groups = partition.groups.map((group): NodeGroup => {
    const left = unitsLeft(group, removed, moved);
    units.set(group.id, left);
    const slices = group.slices.flatMap((slice): Slice[] => {
      const extent = slice.extent - (of.get(slice.param)?.get(slice.dim)?.size ?? 0);
      const place = placed(group, slice, left, moved(slice));
      return place ? [{ ...slice, extent, ...place }] : [];
    });
    const shaped = slices.map((slice) => ({ slice, shape: shapes.get(slice.param) ?? [] }));
    return {
      ...{ ...group, slices, units: left.length },
      ...(group.blocks === undefined ? {} : { blocks: blocksLeft(group, left) }),
      cost: unitCost(left.length, shaped),
    };
  });
  const lora = new Set(
    groups.flatMap(({ slices }) => slices.flatMap((s) => (s.lora === null ? [] : [s.param]))),
  );
  const parameters = [...shapes]
    .filter(([name]) => !lora.has(name))
    .reduce((sum, [, shape]) => sum + shape.reduce((n, extent) => n * extent, 1), 0);
  return { partition: { ...partition, groups, parameters }, left: units };
}

/** Units that were not removed, nor went with the group around theirs (query heads with their key-value head). */
function unitsLeft(
  { id, units, slices }: NodeGroup,
  removed: Removed,
  moved: (slice: Slice) => Moved,
): number[] {
  const gone = new Set(removed.get(id));
  const present = (unit: number): boolean =>
    slices.some((slice) =>
      sliceIndices(slice, units, unit).some((i) => moved(slice)(i) !== undefined),
    );
  return Array.from({ length: units }, (_, u) => u).filter((u) => !gone.has(u) && present(u));
}

function moveOf(extent: number, gone: ReadonlySet<number> | undefined): Moved {
  if (gone === undefined || gone.size === 0) return (index) => index;
  const to = new Int32Array(extent);
  for (let index = 0, next = 0; index < extent; index++) to[index] = gone.has(index) ? -1 : next++;
  return (index) => (to[index] === -1 ? undefined : to[index]);
}

type Place = Pick<Slice, 'offset' | 'outer' | 'inner' | 'only'>;

function placed(
  group: NodeGroup,
  slice: Slice,
  left: readonly number[],
  moved: Moved,
): Place | null {
  const now = (unit: number): number[] =>
    sliceIndices(slice, group.units, unit).flatMap((index) => moved(index) ?? []);
  const { only } = slice;
  if (only !== undefined) {
    const [offset, ...more] = now(only);
    const unit = left.indexOf(only);
    if (unit < 0 || offset === undefined) return null;
    return { offset, outer: 1, inner: more.length + 1, only: unit };
  }
  const [first = 0, ...others] = left;
  const indices = now(first);
  const [offset = 0] = indices;
  let inner = 1;
  while (indices[inner] === offset + inner) inner++;
  const place = { offset, inner, outer: indices.length / inner };
  const same = [first, ...others].every((unit, u) => {
    const expected = sliceIndices(place, left.length, u);
    const found = now(unit);
    return found.length === expected.length && found.every((index, i) => index === expected[i]);
  });
  if (same) return place;
  throw new LoraShearError(
    'PARTITION_INVALID',
    `the units of ${group.id} that are left do not lie evenly in '${slice.param}'`,
    { hint: 'every block of a group must lose as many units', facts: { group: group.id } },
  );
}

/** Blocks that are left where a whole one went with the group around it. */
function blocksLeft({ units, blocks = 1 }: NodeGroup, left: readonly number[]): number {
  return new Set(left.map((unit) => Math.floor(unit / (units / blocks)))).size;
}
