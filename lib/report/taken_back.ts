// How much of what a cut took recovery gave back.

/**
 * Share of the growth of a loss: 1 − (recovered − dense) / (cut − dense), losses in nats. Below 0 where recovery made it
 * worse; null where the cut cost nothing, so that there is nothing to take back.
 */
export function takenBack(dense: number, cut: number, recovered: number): number | null {
  const lost = cut - dense;
  return lost > 0 ? 1 - (recovered - dense) / lost : null;
}
