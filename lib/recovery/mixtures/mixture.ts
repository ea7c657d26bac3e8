// What composes the next subset of a recovery round: shares of the sources from how each stands (paper Alg. 5).

/** What is known when a round begins; every record has one entry for each source. */
export interface Standing {
  /** Validation losses now, in nats. */
  readonly losses: Readonly<Record<string, number>>;
  /** Those of the dense model. */
  readonly dense: Readonly<Record<string, number>>;
  /** Samples that each source has. */
  readonly sizes: Readonly<Record<string, number>>;
  /** The shares of the round before, as they were composed; null in the first. */
  readonly previous: Readonly<Record<string, number>> | null;
  /** Balanced share η in [0, 1], for the mixtures that have one. */
  readonly eta: number;
}

/** Shares ≥ 0 of the sources, which add up to 1. A new mixture is one file and one line in index.ts. */
export type Mixture = (standing: Standing) => Record<string, number>;

/** Relative loss increase (loss − dense) / dense of each source. */
export function degradation(
  losses: Readonly<Record<string, number>>,
  dense: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => {
      const base = dense[name] ?? loss;
      return [name, (loss - base) / base];
    }),
  );
}

/** Values ≥ 0 as shares of their sum; all alike where it is 0. */
export function normalised(values: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(values);
  const total = entries.reduce((sum, [, value]) => sum + value, 0);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, total > 0 ? value / total : 1 / entries.length]),
  );
}
