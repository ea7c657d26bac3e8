// From what was measured on every batch to the ranked map: means, their standard errors, and which groups are protected.
import type { KnowledgeArtefact } from '../artefacts.js';
import { statistics } from '../evaluate/perplexity.js';
import type { NodeGroup } from '../groups/group.js';
import type { Deviation } from './dense_pass.js';
import { protectedGroups } from './protect.js';

/** On one batch: the dense loss, and every trial. */
export interface Measured {
  readonly loss: number;
  readonly deviations: readonly Deviation[];
}

export type PairResult = NonNullable<KnowledgeArtefact['pairs']>[number];

interface Ranked {
  readonly groups: readonly NodeGroup[];
  /** Every group at every ratio, in this order. */
  readonly trials: readonly { readonly units: readonly number[] }[];
  readonly ratios: readonly number[];
  readonly protectShare: number;
}

/** Largest deviation first; standard errors are those of the mean over batches, of loss as paired differences. */
export function knowledgeOf(
  measured: readonly Measured[],
  { groups, trials, ratios, protectShare }: Ranked,
): Pick<KnowledgeArtefact, 'dense' | 'groups'> {
  const base = statistics(measured.map(({ loss }) => loss)).mean;
  const ranked = groups
    .map((group, g) => {
      const rows = ratios.map((ratio, r) => {
        const index = g * ratios.length + r;
        const own = measured.map(({ loss, deviations }) => ({ dense: loss, ...deviations[index] }));
        const loss = statistics(own.map((d) => d.loss ?? NaN)).mean;
        const kl = statistics(own.map((d) => d.kl ?? NaN));
        const moved = statistics(own.map((d) => (d.loss ?? NaN) - d.dense));
        return {
          ...{ ratio, removed: trials[index]?.units.length ?? 0, loss, stderr: moved.stderr },
          ...{ perplexity: Math.exp(loss), kl: kl.mean, klStderr: kl.stderr },
        };
      });
      const deviation = Math.max(...rows.map(({ loss }) => loss - base));
      return { group, deviation, rows };
    })
    .sort((a, b) => b.deviation - a.deviation);
  const ids = ranked.map(({ group }) => group.id);
  const guarded = protectedGroups(ids, protectShare);
  return {
    dense: { loss: base, perplexity: Math.exp(base) },
    groups: ranked.map(({ group: { id, kind, layer, units }, deviation, rows }) => ({
      ...{ id, kind, layer, units, deviation, trials: rows },
      protected: guarded.has(id),
    })),
  };
}
