// Medians, percentiles and the spread of samples.

/** The value below which the share `p` of `values` lies, interpolated between neighbours (numpy's default). */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = p * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN;
  return low + (high - low) * (place - below);
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export interface Summary {
  readonly samples: readonly number[];
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly min: number;
  readonly max: number;
}

/** @param samples at least one */
export function summarise(samples: readonly number[]): Summary {
  return {
    samples,
    median: median(samples),
    ...{ p10: percentile(samples, 0.1), p90: percentile(samples, 0.9) },
    ...{ min: Math.min(...samples), max: Math.max(...samples) },
  };
}

/**
 * The largest difference of two sets of rows [norm, sums …], each relative to the row's norm.
 * Infinity when a name or a length differs, or a number is not finite.
 */
export function disagreement(
  ours: Readonly<Record<string, readonly number[]>>,
  theirs: Readonly<Record<string, readonly number[]>>,
): number {
  const names = Object.keys(ours);
  if (names.length !== Object.keys(theirs).length) return Infinity;
  let worst = 0;
  for (const name of names) {
    const a = ours[name] ?? [];
    const b = theirs[name];
    if (b?.length !== a.length) return Infinity;
    const norm = Math.abs(a[0] ?? 0) || 1;
    for (const [i, value] of a.entries()) {
      const difference = Math.abs(value - (b[i] ?? NaN)) / norm;
      if (!Number.isFinite(difference)) return Infinity;
      worst = Math.max(worst, difference);
    }
  }
  return worst;
}
