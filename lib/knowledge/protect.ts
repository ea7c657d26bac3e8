// Which node groups hold so much that they are touched last (paper Alg. 3, its ratio γ).

/** The first ⌈share · n⌉ ids of `ranked` (largest deviation first); none for share 0. */
export function protectedGroups(ranked: readonly string[], share: number): Set<string> {
  return new Set(ranked.slice(0, Math.ceil(share * ranked.length)));
}
