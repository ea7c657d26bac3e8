// The share of each source in the next subset: more of what suffered, a balanced share of the rest (algorithm.md §5).

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

/**
 * q_i = η/n + (1 − η)·max(0, Δ_i) / Σ_j max(0, Δ_j); uniform when nothing degraded. Sums to 1.
 * @param eta balanced share η in [0, 1]
 */
export function mixture(
  delta: Readonly<Record<string, number>>,
  eta: number,
): Record<string, number> {
  const names = Object.keys(delta);
  const total = names.reduce((sum, name) => sum + Math.max(0, delta[name] ?? 0), 0);
  return Object.fromEntries(
    names.map((name) => {
      const uniform = 1 / names.length;
      const suffered = total > 0 ? Math.max(0, delta[name] ?? 0) / total : uniform;
      return [name, eta * uniform + (1 - eta) * suffered];
    }),
  );
}
