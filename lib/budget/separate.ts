// Rules `global` and `kind`: every group may lose another number of units.
import type { Counts } from '../plan/costs.js';
import { type Attempt, type CostModel, type Goal, attemptAt } from './goal.js';
import type { Importance } from './importance.js';
import { type Bounds, countsAt, separateLanes } from './lane.js';
import {
  type Ordering,
  type Steps,
  damageOf,
  stepsByDamage,
  stepsByKind,
  unitCosts,
} from './order.js';

export interface SeparateRules {
  readonly rule: 'global' | 'kind';
  readonly bounds: Bounds;
  readonly importance: Importance;
  /** Groups that lose nothing. */
  readonly spared: ReadonlySet<string>;
  readonly accepts?: ((counts: Counts) => string | null) | undefined;
}

interface Filled {
  readonly levels: Int32Array;
  /** Where no further step fitted. */
  readonly fits: Int32Array;
  readonly removed: number;
  readonly met: boolean;
  /** Lanes whose next step was too large, with the level that it would have led to. */
  readonly blocked: readonly { readonly lane: number; readonly level: number }[];
}

/**
 * Takes the steps in their order as long as the goal is not passed, then leaves out steps that are too large for what
 * is open. Costs interact (a residual column crosses head rows): what goes is evaluated exactly, and the order is made
 * anew with the costs at the point that was found, until it stands.
 */
export function separate(costs: CostModel, goal: Goal, rules: SeparateRules): Attempt {
  const { bounds, spared, importance } = rules;
  const lanes = separateLanes(costs.partition, bounds, spared);
  const ordering: Ordering = { lanes, goal, importance, floor: bounds.floor };
  const at = (levels: Int32Array): number => goal.removed(countsAt(lanes, levels));
  const start = new Int32Array(lanes.length);
  if (goal.ceiling && goal.aim <= 0) return attemptAt(goal, lanes, start);
  const orderOf = rules.rule === 'kind' ? stepsByKind : stepsByDamage;
  const damage = ({ levels }: Filled): number => damageOf(importance, countsAt(lanes, levels));
  const miss = ({ removed }: Filled): number => Math.abs(removed - goal.aim);
  // A size is better undercut by far than passed.
  const passed = ({ removed }: Filled): boolean => goal.ceiling && removed < goal.aim;
  const nearer = (a: Filled, b: Filled): boolean =>
    passed(a) !== passed(b) ? passed(b) : miss(a) < miss(b);
  const better = (a: Filled, b: Filled): boolean =>
    a.met !== b.met ? a.met : a.met ? damage(a) < damage(b) : nearer(a, b);

  let prices = unitCosts(ordering, start);
  let best: Filled | undefined;
  for (let round = 0; round < 4; round++) {
    const found = spend(orderOf(ordering, prices));
    if (!best || better(found, best)) best = found;
    const { saved } = prices;
    prices = unitCosts(ordering, found.levels);
    if (prices.saved.every((cost, i) => Math.abs(cost - (saved[i] ?? 0)) <= 1e-9 * cost)) break;
  }
  const attempt = attemptAt(goal, lanes, (best as Filled).levels);
  const met = attempt.met || (goal.ceiling && attempt.removed >= goal.aim);
  const refusal = met ? (rules.accepts?.(attempt.counts) ?? null) : null;
  return refusal === null ? { ...attempt, met } : { ...attempt, met: false, refusals: [refusal] };

  function spend(steps: Steps): Filled {
    const plain = fill(start, steps, 1);
    if (plain.met) return plain;
    // A step that was too large is taken, and the dearest of the others are given back for it.
    return plain.blocked
      .map(({ lane, level }) => {
        const counted = new Int32Array(lanes.length);
        const spent = steps.filter((i) => {
          const place = (counted[i] = (counted[i] ?? 0) + 1);
          return i !== lane && place <= (plain.fits[i] ?? 0);
        });
        return fill(plain.fits.with(lane, level), spent.reverse(), -1);
      })
      .reduce((a, b) => (better(b, a) ? b : a), plain);
  }

  /** Takes steps (1) or gives them back (−1) until the goal, leaving out those that are too large. */
  function fill(from: Int32Array, steps: Steps, sign: 1 | -1): Filled {
    let levels = from;
    let rest = steps;
    const blocked: { lane: number; level: number }[] = [];
    let nearest: Filled | undefined;
    const consider = (candidate: Int32Array): Filled => {
      const removed = at(candidate);
      const found = { levels: candidate, fits: levels, removed, met: goal.met(removed), blocked };
      if (!nearest || (found.met !== nearest.met ? found.met : nearer(found, nearest))) {
        nearest = found;
      }
      return nearest;
    };
    for (;;) {
      const fitting = lastFitting(levels, rest, sign);
      levels = taken(levels, rest, fitting, sign);
      const found = consider(levels);
      const lane = rest[fitting];
      if (lane === undefined) return { ...found, fits: levels };
      const level = (levels[lane] ?? 0) + sign;
      const { met, removed } = consider(levels.with(lane, level));
      if (met && goal.close(removed)) return nearest ?? found;
      blocked.push({ lane, level });
      rest = rest.subarray(fitting + 1).filter((i) => i !== lane);
    }
  }

  /** How many of the steps can be taken or given back without passing the goal. */
  function lastFitting(from: Int32Array, steps: Steps, sign: 1 | -1): number {
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (sign * (at(taken(from, steps, middle, sign)) - goal.aim) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function taken(from: Int32Array, steps: Steps, count: number, sign: 1 | -1): Int32Array {
  const levels = Int32Array.from(from);
  for (let n = 0; n < count; n++) {
    const lane = steps[n] as number;
    levels[lane] = (levels[lane] ?? 0) + sign;
  }
  return levels;
}
