// How many units each group gives up in each period (paper Alg. 4 line "K_p"; algorithm.md §3.9).
import type { NodeGroup } from '../groups/group.js';

/** Units per period that add up to `total` over `periods`: ⌊pK/P⌋ − ⌊(p−1)K/P⌋ for p = 1…P. */
export function periodQuotas(total: number, periods: number): number[] {
  return Array.from(
    { length: periods },
    (_, p) => Math.floor(((p + 1) * total) / periods) - Math.floor((p * total) / periods),
  );
}

/**
 * Quotas of every group: those that hold most knowledge wait for the last period. With one width for all
 * layers (conventions §3.3) they cannot be spared, only be touched last.
 */
export function quotasOf(
  totals: ReadonlyMap<string, number>,
  periods: number,
  guarded: ReadonlySet<string>,
  groups: readonly Pick<NodeGroup, 'id' | 'blocks'>[] = [],
): Map<string, number[]> {
  // Of a group in blocks, every block gives up as many in every period.
  const blocksOf = new Map(groups.map(({ id, blocks = 1 }) => [id, blocks]));
  return new Map(
    [...totals].map(([id, total]) => {
      const blocks = blocksOf.get(id) ?? 1;
      const quotas = guarded.has(id)
        ? Array.from({ length: periods }, (_, p) => (p === periods - 1 ? total / blocks : 0))
        : periodQuotas(total / blocks, periods);
      return [id, quotas.map((quota) => quota * blocks)];
    }),
  );
}
