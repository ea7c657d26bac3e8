// What a group is expected to lose in quality with each unit, so that groups of any kind can be compared.
import type { KnowledgeArtefact } from '../artefacts.js';
import { LoraShearError } from '../errors.js';
import type { NodeGroup } from '../groups/group.js';
import type { Scores } from '../saliency/saliency.js';

/**
 * Group id → damage[k], the expected damage once its k least units are gone; units + 1 numbers, the first 0, none less
 * than the one before it.
 */
export type Importance = ReadonlyMap<string, Float64Array>;

/**
 * From the knowledge distribution (paper Alg. 3): the deviations of loss at the trial ratios, in nats a token, joined
 * by lines. A deviation below 0 counts as 0, and one that lies above the line between its neighbours as that line, so
 * that damage grows and grows faster. Beyond the last trial the last line goes on.
 * @throws CONFIG_INVALID where the map lacks a group or knows it with other units
 */
export function importanceOfKnowledge(
  { groups: known, dense }: KnowledgeArtefact,
  groups: readonly NodeGroup[],
): Importance {
  const rows = new Map(known.map((group) => [group.id, group]));
  return new Map(
    groups.map(({ id, units }) => {
      const row = rows.get(id);
      if (row?.units !== units || row.trials.length === 0) {
        throw invalid(
          row
            ? `the knowledge map has ${row.units} units of ${id}, not ${units}`
            : `the knowledge map lacks ${id}`,
          'analyse the model again, with all kinds that are to be cut',
        );
      }
      const points = new Map([[0, 0]]);
      for (const { removed, loss } of row.trials) {
        const deviation = Math.max(0, loss - dense.loss);
        if (removed > 0) points.set(removed, Math.max(deviation, points.get(removed) ?? 0));
      }
      return [
        id,
        curveThrough(
          [...points].sort(([a], [b]) => a - b),
          units,
        ),
      ];
    }),
  );
}

/** Numbers 0 … units on the lower convex hull of the points, which start at (0, 0). */
function curveThrough(points: readonly (readonly [number, number])[], units: number): Float64Array {
  const hull: (readonly [number, number])[] = [];
  const slope = (a: readonly [number, number], b: readonly [number, number]): number =>
    (b[1] - a[1]) / (b[0] - a[0]);
  for (const point of points) {
    for (let last = hull.at(-1), before = hull.at(-2); last && before;) {
      if (slope(before, last) < slope(last, point)) break;
      hull.pop();
      [last, before] = [hull.at(-1), hull.at(-2)];
    }
    hull.push(point);
  }
  const damage = new Float64Array(units + 1);
  let segment = 0;
  for (let k = 1; k <= units; k++) {
    while (segment + 2 < hull.length && k > (hull[segment + 1]?.[0] ?? 0)) segment++;
    const [from, to] = [hull[segment], hull[segment + 1]];
    damage[k] = from && to ? Math.max(0, from[1] + slope(from, to) * (k - from[0])) : 0;
    damage[k] = Math.max(damage[k] ?? 0, damage[k - 1] ?? 0);
  }
  return damage;
}

export interface ScoreOptions {
  /**
   * How scores of a kind are scaled: `l2` by √Σ s² over its units (algorithm.md §3.5), `l1` by Σ s. A kind of n units
   * of equal score is worth √n as a whole by the first and 1 by the second, so that by `l2` a kind of few large units
   * (heads) goes before one of many small ones (channels).
   */
  readonly norm?: 'l2' | 'l1';
  /** The scores are damages of all units up to this one already, as those of `reconstruction`; default false. */
  readonly accumulated?: boolean;
}

/**
 * From saliencies: the least units go first, and damage adds up. Of query heads one of each block goes at a time.
 * @throws CONFIG_INVALID where the scores of a group are missing, too few or no numbers
 */
export function importanceOfScores(
  scores: Scores,
  groups: readonly NodeGroup[],
  { norm = 'l2', accumulated = false }: ScoreOptions = {},
): Importance {
  const norms = new Map<string, number>();
  const own = groups.map((group) => {
    const values = Float64Array.from(scores.get(group.id) ?? [], (score) => Math.max(0, score));
    if (values.length !== group.units || !values.every(Number.isFinite)) {
      throw invalid(
        `${group.id} has no score for each of its ${group.units} units`,
        'score all groups that are to be cut',
      );
    }
    const sum = values.reduce((total, s) => total + (norm === 'l2' ? s * s : s), 0);
    norms.set(group.kind, (norms.get(group.kind) ?? 0) + sum);
    return { group, values };
  });
  return new Map(
    own.map(({ group, values }) => {
      const sum = norms.get(group.kind) ?? 0;
      const scale = (norm === 'l2' ? Math.sqrt(sum) : sum) + 1e-8;
      const damage = new Float64Array(group.units + 1);
      let total = 0;
      removalOrder(group, values).forEach((unit, k) => {
        const score = (values[unit] ?? 0) / scale;
        total = accumulated ? Math.max(total, score) : total + score;
        damage[k + 1] = total;
      });
      return [group.id, damage];
    }),
  );
}

/** Units in the order in which they go: ascending scores, and of blocks one each before any loses another. */
function removalOrder({ units, blocks = 1 }: NodeGroup, scores: Float64Array): number[] {
  const size = units / blocks;
  const rank = new Int32Array(units);
  const byScore = (a: number, b: number): number => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b;
  for (let block = 0; block < blocks; block++) {
    Array.from({ length: size }, (_, j) => block * size + j)
      .sort(byScore)
      .forEach((unit, place) => (rank[unit] = place));
  }
  return Array.from(rank.keys()).sort(
    (a, b) => (blocks > 1 ? (rank[a] ?? 0) - (rank[b] ?? 0) : 0) || byScore(a, b),
  );
}

const invalid = (what: string, hint: string): LoraShearError =>
  new LoraShearError('CONFIG_INVALID', what, { hint });
