// When training has gone wrong although its loss is still a number.

/** Losses that are looked at together: one batch alone may be odd. */
const recent = 5;

/**
 * The last losses are, on average, a nat above the first and above that of a model that knows nothing (ln V).
 * @param losses of the run so far, in nats per token
 */
export function hasDiverged(losses: readonly number[], vocabulary: number): boolean {
  const [first = Infinity] = losses;
  const limit = Math.max(Math.log(vocabulary), first) + 1;
  if (losses.length < recent) return false;
  return losses.slice(-recent).reduce((sum, loss) => sum + loss, 0) / recent > limit;
}
