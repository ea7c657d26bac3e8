// Chooses the redundant units of a period: the least scores of each group, ties to the lower index.
import type { NodeGroup } from '../groups/group.js';
import type { Scores } from '../saliency/saliency.js';

/** group id → units, each list ascending. */
export type Units = Map<string, number[]>;

/**
 * The `quota` units of least score that are not removed yet.
 * @param groups where given, those whose units lie in blocks give up equally many of each block
 */
export function selectRedundant(
  scores: Scores,
  quotas: ReadonlyMap<string, number>,
  removed: ReadonlyMap<string, ReadonlySet<number>>,
  groups: readonly NodeGroup[] = [],
): Units {
  const blocksOf = new Map(groups.map(({ id, blocks = 1 }) => [id, blocks]));
  const chosen: Units = new Map();
  for (const [id, quota] of quotas) {
    if (quota === 0) continue;
    const score = scores.get(id) ?? new Float64Array();
    const blocks = blocksOf.get(id) ?? 1;
    const size = score.length / blocks;
    const units = Array.from({ length: blocks }, (_, block) =>
      Array.from({ length: size }, (_, i) => block * size + i)
        .filter((u) => !removed.get(id)?.has(u))
        .sort((a, b) => (score[a] ?? 0) - (score[b] ?? 0) || a - b)
        .slice(0, Math.floor(quota / blocks)),
    ).flat();
    chosen.set(
      id,
      units.sort((a, b) => a - b),
    );
  }
  return chosen;
}
