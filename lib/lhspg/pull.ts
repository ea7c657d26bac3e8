// λ_g: how hard a redundant group is pulled to zero in a step (paper eq. 2; algorithm.md §3.4, §3.8).
import type { Moments } from '../saliency/group_moments.js';

/**
 * `linear`: λ = ‖x‖ / (steps left), which ends at zero exactly. `loss_aware`: DHSPG's rule where the loss wants the group
 * to grow, never below the linear pull.
 */
export const pullRules = ['linear', 'loss_aware'] as const;
export type PullRule = (typeof pullRules)[number];

/** DHSPG's factors for steps without Adam's scaling (algorithm.md §3.6): on λ_lo, and the largest over λ_0. */
const amplification = 2;
const largest = 10;

/**
 * λ_g of DHSPG with u = s·BA in the place of −∇: where ⟨x, u⟩ > 0, descent makes the group grow, and
 * λ_lo = ⟨x, u⟩/‖x‖ is the least pull that shrinks it, λ_hi = ‖u‖²·‖x‖/⟨x, u⟩ the largest that still descends.
 * @param even the linear rule's λ_0 = ‖x‖ / (steps left)
 */
export function lossAwarePull(
  { squared, inner, step }: Pick<Moments, 'squared' | 'inner' | 'step'>,
  even: number,
): number {
  if (!(inner > 0)) return even;
  const norm = Math.sqrt(squared);
  const low = inner / norm;
  const high = (step * norm) / inner;
  const pull = Math.min(Math.max(amplification * low, even), largest * even);
  return pull >= high ? (low + high) / 2 : pull;
}
