// Chooses the redundant units of a period: the least scores of each group, ties to the lower index.
import type { Scores } from '../saliency/saliency.js';

/** group id → units, each list ascending. */
export type Units = Map<string, number[]>;

/** The `quota` units of least score that are not removed yet. */
export function selectRedundant(
  scores: Scores,
  quotas: ReadonlyMap<string, number>,
  removed: ReadonlyMap<string, ReadonlySet<number>>,
): Units {
  const chosen: Units = new Map();
  for (const [id, quota] of quotas) {
    if (quota === 0) continue;
    const score = scores.get(id) ?? new Float64Array();
    const candidates = Array.from(score.keys()).filter((u) => !removed.get(id)?.has(u));
    candidates.sort((a, b) => (score[a] ?? 0) - (score[b] ?? 0) || a - b);
    chosen.set(
      id,
      candidates.slice(0, quota).sort((a, b) => a - b),
    );
  }
  return chosen;
}
