// Learning rates over steps.

/**
 * Half a cosine from 1 at step 0 to 0 at `total` (and after), times a linear rise over the first `warmup` steps.
 * `step` counts from 0.
 */
export function cosineWithWarmup(
  step: number,
  { total, warmup }: { total: number; warmup: number },
): number {
  const rise = warmup > 0 ? Math.min(1, (step + 1) / warmup) : 1;
  return rise * (0.5 + 0.5 * Math.cos(Math.PI * Math.min(1, step / total)));
}
