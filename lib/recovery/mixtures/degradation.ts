// More of what suffered, a balanced share of the rest (paper §3.5; the formula of algorithm.md §5).
import { type Mixture, degradation, normalised } from './mixture.js';

/** q_i = η/n + (1 − η)·max(0, Δ_i) / Σ_j max(0, Δ_j), Δ the relative loss increase; uniform when nothing degraded. */
export const byDegradation: Mixture = ({ losses, dense, eta }) =>
  mixture(degradation(losses, dense), eta);

/** The same from the increases Δ themselves. Sums to 1. */
export function mixture(
  delta: Readonly<Record<string, number>>,
  eta: number,
): Record<string, number> {
  const names = Object.keys(delta);
  const suffered = normalised(
    Object.fromEntries(names.map((name) => [name, Math.max(0, delta[name] ?? 0)])),
  );
  return Object.fromEntries(
    names.map((name) => [name, eta * (1 / names.length) + (1 - eta) * (suffered[name] ?? 0)]),
  );
}
