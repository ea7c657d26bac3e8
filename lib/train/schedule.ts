// Learning rates over steps.

/** Linear warm-up over `warmup` steps, then half a cosine to 0 at `total`. `step` counts from 0. */
export function cosineWithWarmup(
  step: number,
  { total, warmup }: { total: number; warmup: number },
): number {
  const rise = warmup > 0 ? Math.min(1, (step + 1) / warmup) : 1;
  return rise * (0.5 + 0.5 * Math.cos((Math.PI * step) / total));
}
