// Shares that the sources can give: no sample comes twice in a round, so a small source gives what it has.

export interface CappedShares {
  readonly shares: Readonly<Record<string, number>>;
  /** Sources whose share was larger than what they have. */
  readonly capped: readonly string[];
  /** All sources together have fewer samples than the round takes: some come again. */
  readonly repeats: boolean;
}

/**
 * No share above size / samples; what is too much goes to the others by their shares, or by what they have left where they
 * have none. Where nothing is too much, the shares are those given.
 * @param samples of the round, all sources together
 */
export function capShares(
  shares: Readonly<Record<string, number>>,
  sizes: Readonly<Record<string, number>>,
  samples: number,
): CappedShares {
  const names = Object.keys(shares);
  const sizeOf = (name: string): number => sizes[name] ?? 0;
  const total = names.reduce((sum, name) => sum + sizeOf(name), 0);
  if (total < samples) {
    const all = Object.fromEntries(names.map((name) => [name, sizeOf(name) / total]));
    return { shares: all, capped: names.filter((name) => over(name, shares)), repeats: true };
  }
  const capped = new Set<string>();
  let next = shares;
  for (;;) {
    const more = names.filter((name) => !capped.has(name) && over(name, next));
    if (more.length === 0) return { shares: next, capped: [...capped], repeats: false };
    for (const name of more) capped.add(name);
    next = shared();
  }

  function over(name: string, of: Readonly<Record<string, number>>): boolean {
    // a share that is exactly what the source has is none too many, whatever its last bit says
    return (of[name] ?? 0) * samples > sizeOf(name) * (1 + 1e-9);
  }

  /** The capped at what they have, the rest of 1 among the others. */
  function shared(): Record<string, number> {
    const others = names.filter((name) => !capped.has(name));
    const rest = 1 - [...capped].reduce((sum, name) => sum + sizeOf(name) / samples, 0);
    const given = others.reduce((sum, name) => sum + (shares[name] ?? 0), 0);
    const room = others.reduce((sum, name) => sum + sizeOf(name), 0);
    return Object.fromEntries(
      names.map((name) => {
        if (capped.has(name)) return [name, sizeOf(name) / samples];
        const part = given > 0 ? (shares[name] ?? 0) / given : sizeOf(name) / room;
        return [name, rest * part];
      }),
    );
  }
}
