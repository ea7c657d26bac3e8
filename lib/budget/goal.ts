// How much has to go, in the unit of the target's measure, and when that is met.
import type { Counts, Costs } from '../plan/costs.js';
import { type Target, shareOf } from '../plan/target.js';
import { type Lane, countsAt } from './lane.js';

/** What a budget has to know of costs. */
export type CostModel = Pick<Costs, 'partition' | 'total' | 'after'>;

/** A target may be missed by this share of the measure. */
export const ratioTolerance = 0.005;

/** What is to go, and how much of it does for given counts. */
export interface Goal {
  readonly target: Target;
  /** Share of the measure that is to go; at most 0 where the model is small enough. */
  readonly share: number;
  /** The same in the measure's unit. */
  readonly aim: number;
  readonly total: number;
  /** A size is the target: what is left must not be above it. */
  readonly ceiling: boolean;
  /** What goes with these units. */
  removed(counts: Counts): number;
  /** The target is met within `ratioTolerance`, and by a cut. */
  met(removed: number): boolean;
  /** It is met so closely that smaller steps are not worth looking for. */
  close(removed: number): boolean;
}

export function goalOf(costs: CostModel, target: Target): Goal {
  const { measure } = target;
  const total = costs.total[measure];
  const share = shareOf(target, costs.total);
  const [aim, slack] = [share * total, (ratioTolerance + 1e-12) * total];
  const ceiling = 'most' in target;
  return {
    ...{ target, share, aim, total, ceiling },
    removed: (counts) => total - costs.after(counts)[measure],
    met: (removed) =>
      ceiling
        ? removed >= aim - 1e-12 * total && (removed <= aim + slack || aim <= 0)
        : share > 0 && removed > 0 && Math.abs(removed - aim) <= slack,
    close: (removed) => removed > 0 && Math.abs(removed - aim) <= slack / 10,
  };
}

/** Units that go, and what comes of it. */
export interface Attempt {
  readonly counts: ReadonlyMap<string, number>;
  readonly removed: number;
  /** What goes when all go that may. */
  readonly most: number;
  /** Nothing speaks against it. */
  readonly met: boolean;
  /** Why the engines refused what met the target, first refusal first. */
  readonly refusals: readonly string[];
}

/** `levels` of `lanes` as an attempt. */
export function attemptAt(goal: Goal, lanes: readonly Lane[], levels: ArrayLike<number>): Attempt {
  const counts = countsAt(lanes, levels);
  const removed = goal.removed(counts);
  const last = lanes.map((lane) => lane.levels.length - 1);
  const most = goal.removed(countsAt(lanes, last));
  return { counts, removed, most, met: goal.met(removed), refusals: [] };
}

/** The first item of the least value; undefined of none. */
export function leastBy<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || of(item) < of(best) ? item : best),
    undefined,
  );
}
