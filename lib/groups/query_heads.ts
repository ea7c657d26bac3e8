// Query heads one by one: they share a key-value head, and every key-value head must lose as many (algorithm.md §1.4).
import type { Value } from '../graph/graph.js';
import { unitCost } from './cost.js';
import type { NodeGroup, Slice } from './group.js';

/**
 * The class of "query head j of every key-value head" as K·G units, so that each key-value head may lose other ones:
 * unit k·G + j is query head j of key-value head k. Query heads of one key-value head are interchangeable, so that what
 * stays can be moved together.
 * @param parameters by name, for costs
 */
export function eachQueryHead(group: NodeGroup, parameters: ReadonlyMap<string, Value>): NodeGroup {
  const { units: perHead } = group;
  const kvHeads = blocksOf(group);
  if (kvHeads === null) return group;
  const units = kvHeads * perHead;
  const slices = [...byParameter(group.slices)].flatMap((same) => {
    const [first] = same as [Slice];
    const { offset, inner } = first;
    // Next to each other: one slice says all.
    if (same.length === 1) return [{ ...first, outer: 1 }];
    return same.flatMap((slice, k) =>
      Array.from({ length: perHead }, (_, j) => ({
        ...{ ...slice, outer: 1, inner, only: k * perHead + j },
        offset: (kvHeads === same.length ? slice.offset : offset) + j * inner,
      })),
    );
  });
  const cost = unitCost(
    units,
    slices.map((slice) => ({ slice, shape: parameters.get(slice.param)?.shape ?? [] })),
  );
  return { ...group, units, blocks: kvHeads, slices, cost };
}

/** Slices of the same dimension of the same parameter, by offset. */
function byParameter(slices: readonly Slice[]): Iterable<readonly Slice[]> {
  const found = new Map<string, Slice[]>();
  for (const slice of slices) {
    const key = `${slice.param} ${slice.dim}`;
    found.set(key, [...(found.get(key) ?? []), slice]);
  }
  return found.values();
}

/** How many key-value heads there are; null where the slices do not agree on it. */
function blocksOf({ slices }: NodeGroup): number | null {
  const counts = new Set(
    Array.from(byParameter(slices), (same) =>
      same.reduce((sum, { outer, only }) => (only === undefined ? sum + outer : NaN), 0),
    ),
  );
  const [count] = counts;
  return counts.size === 1 && count !== undefined && !Number.isNaN(count) ? count : null;
}
