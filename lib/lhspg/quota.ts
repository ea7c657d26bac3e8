// How many units each group gives up in each period (paper Alg. 4 line "K_p"; algorithm.md §3.9).

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
): Map<string, number[]> {
  return new Map(
    [...totals].map(([id, total]) => [
      id,
      guarded.has(id)
        ? Array.from({ length: periods }, (_, p) => (p === periods - 1 ? total : 0))
        : periodQuotas(total, periods),
    ]),
  );
}
