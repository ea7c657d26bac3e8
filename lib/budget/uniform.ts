// Rule `layer`: every layer loses as many units of each kind, as stock loaders have one size for all layers (conventions §3.3).
import { LoraShearError } from '../errors.js';
import type { Counts } from '../plan/costs.js';
import { type Attempt, type CostModel, type Goal, attemptAt, leastBy } from './goal.js';
import { type Bounds, type Lane, channelKinds, countsAt, nearest, uniformLanes } from './lane.js';

export interface UniformRules {
  readonly bounds: Bounds;
  readonly kvHeads: 'auto' | number;
  readonly accepts?: ((counts: Counts) => string | null) | undefined;
}

interface Candidate {
  readonly levels: readonly number[];
  readonly heads: number;
  readonly removed: number;
  /** The more the farther from the same share of every kind. */
  readonly far: number;
}

/**
 * All numbers of kv heads are tried; the other kinds lose the share that all could lose alike, and the kind of the
 * smallest units (channels) the rest. Among what meets the goal, the one where the kinds lose most alike is taken.
 * @throws CONFIG_INVALID for a number of kv heads that cannot go
 */
export function uniform(costs: CostModel, goal: Goal, rules: UniformRules): Attempt {
  const lanes = uniformLanes(costs.partition, rules.bounds);
  const at = (levels: readonly number[]): number => goal.removed(countsAt(lanes, levels));
  const heads = lanes.findIndex(({ kind }) => kind === 'attention_heads');
  const headLane = lanes[heads];
  const allowed = headLane ? allowedHeads(headLane, rules) : [0];
  const start = lanes.map(() => 0);
  const none = at(start);
  const costsOfUnits = lanes.map(({ levels }, i) => {
    const last = levels.length - 1;
    if (last === 0) return 0;
    const gone = at(start.with(i, last)) - none;
    return gone > 1e-12 * goal.total ? gone / ((levels[last] ?? 0) - (levels[0] ?? 0)) : 0;
  });
  const open = lanes
    .map((_, i) => i)
    .filter((i) => i !== heads && (costsOfUnits[i] ?? 0) > 0)
    .sort((a, b) => (costsOfUnits[a] ?? 0) - (costsOfUnits[b] ?? 0));
  // Channels, and what is finer, make up for how the others round.
  const main = open.findLast((i) => channelKinds.has(lanes[i]?.kind ?? 'other')) ?? open[0] ?? -1;
  const [filler, ...finer] = open.slice(0, open.indexOf(main) + 1);
  const others = open.filter((i) => i !== filler);
  if (goal.ceiling && goal.aim <= 0) {
    return attemptAt(goal, lanes, heads < 0 ? start : start.with(heads, allowed[0] ?? 0));
  }

  // Every kind loses this share of what it holds, as far as kinds do not interact.
  const unitsOf = (i: number): number => largest(lanes[i]);
  const held = (i: number): number => unitsOf(i) * (costsOfUnits[i] ?? 0);
  const whole = [...open, ...(headLane ? [heads] : [])].reduce((sum, i) => sum + held(i), 0);
  const even = others.length > 0 ? evenShare() : whole > 0 ? goal.aim / whole : 0;
  const evenHeads = even * unitsOf(heads);
  const wished = Math.min(Math.max(unitsOf(heads) - 1, 0), Math.round(evenHeads));
  const shares = others.length > 0 ? [even, 0, 1] : [even];

  const candidates = allowed.flatMap((level) =>
    shares.flatMap((share, turn) => {
      const levels = evenLevels(share);
      if (heads >= 0) levels[heads] = level;
      const lost = headLane?.levels[level] ?? 0;
      const far =
        turn * unitsOf(heads) + Math.abs(lost - wished) + Math.abs(lost - evenHeads) * 1e-3;
      return filled(levels).map((levels): Candidate => ({
        levels,
        heads: lost,
        removed: at(levels),
        far,
      }));
    }),
  );
  const cuts = candidates.filter(({ removed }) => removed > 0);
  const miss = ({ removed }: Candidate): number => Math.abs(removed - goal.aim) / goal.total;
  const reached = cuts.filter(({ removed }) =>
    goal.ceiling ? removed >= goal.aim - 1e-12 * goal.total : goal.met(removed),
  );
  // Beyond what meets a size, what goes needlessly counts more than how evenly it goes.
  const excess = (c: Candidate): number => (goal.met(c.removed) ? 0 : miss(c) * 1e6);
  const order = (c: Candidate): number => c.far + excess(c) + miss(c) * 1e-6;
  const refusals: string[] = [];
  for (const candidate of reached.sort((a, b) => order(a) - order(b))) {
    const found = attemptAt(goal, lanes, candidate.levels);
    const refusal = rules.accepts?.(found.counts) ?? null;
    if (refusal === null) return { ...found, met: true };
    refusals.push(refusal);
  }
  const nearestCut =
    refusals.length > 0
      ? nearestLoaded()
      : leastBy(
          cuts.filter((cut) => !reached.includes(cut)),
          miss,
        );
  return { ...attemptAt(goal, lanes, nearestCut?.levels ?? start), met: false, refusals };

  /** The nearest that engines take, of channels in multiples of 32, which is what they ask for. */
  function nearestLoaded(): Candidate | undefined {
    if (filler === undefined) return undefined;
    const { levels: own = [] } = lanes[filler] ?? {};
    return candidates
      .flatMap((candidate) =>
        own.flatMap((lost, level) => {
          const levels = candidate.levels.with(filler, level);
          const away = Math.abs(level - (candidate.levels[filler] ?? 0));
          if ((unitsOf(filler) - lost) % 32 !== 0 || away > 512) return [];
          return [{ ...candidate, levels, removed: at(levels) }];
        }),
      )
      .sort((a, b) => miss(a) - miss(b))
      .find(({ levels, removed }) => removed > 0 && !rules.accepts?.(countsAt(lanes, levels)));
  }

  function evenLevels(share: number): number[] {
    const levels = [...start];
    for (const i of others) {
      const { levels: own = [0] } = lanes[i] ?? {};
      levels[i] = own.indexOf(nearest(own, share * unitsOf(i)));
    }
    return levels;
  }

  /** The share that every kind would lose, found by halving. */
  function evenShare(): number {
    let [low, high] = [0, 1];
    for (let i = 0; i < 20; i++) {
      const middle = (low + high) / 2;
      const levels = evenLevels(middle);
      for (const j of [heads, filler ?? -1].filter((lane) => lane >= 0)) {
        const own = lanes[j]?.levels ?? [0];
        levels[j] = own.indexOf(nearest(own, middle * unitsOf(j)));
      }
      if (at(levels) < goal.aim) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  /** Levels with the filler below and above the goal; all that meet it where engines choose. */
  function filled(levels: readonly number[]): number[][] {
    if (filler === undefined) return [[...levels]];
    let rest = [...levels];
    for (const i of finer.toReversed()) {
      const most = (lanes[i]?.levels.length ?? 1) - 1;
      const base = rest;
      rest = base.with(
        i,
        lastBelow((level) => at(base.with(i, level)), most, goal.aim),
      );
    }
    const last = (lanes[filler]?.levels.length ?? 1) - 1;
    const gone = (level: number): number => at(rest.with(filler, level));
    const below = lastBelow(gone, last, goal.aim);
    const found = [below, ...(below < last ? [below + 1] : [])];
    if (rules.accepts) {
      for (let i = below - 1; i >= 0 && goal.met(gone(i)); i--) found.push(i);
      for (let i = below + 2; i <= last && goal.met(gone(i)); i++) found.push(i);
    }
    return found.map((level) => rest.with(filler, level));
  }
}

/** The last level at which not more than `aim` goes, or 0; `gone` grows, most often evenly. */
function lastBelow(gone: (level: number) => number, last: number, aim: number): number {
  let [low, high] = [0, last];
  const from = gone(0);
  if (last === 0 || from > aim) return 0;
  const guess = Math.floor(((aim - from) / (gone(last) - from)) * last + 1e-9);
  if (guess >= last) return last;
  if (gone(guess) <= aim) low = guess;
  else high = guess - 1;
  if (low === guess && gone(guess + 1) > aim) return guess;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (gone(middle) <= aim) low = middle;
    else high = middle - 1;
  }
  return low;
}

const largest = (lane: Lane | undefined): number =>
  Math.max(0, ...(lane?.groups ?? []).map(({ units }) => units));

/**
 * Levels of the lane that may be used.
 * @throws CONFIG_INVALID for an asked number of heads that is none of them
 */
function allowedHeads(
  lane: Lane,
  { kvHeads: asked, bounds: { allowKept } }: UniformRules,
): number[] {
  const units = largest(lane);
  const may = lane.levels.map((_, i) => i).filter((i) => allowKept(units - (lane.levels[i] ?? 0)));
  if (asked === 'auto') return may;
  const found = may.find((i) => lane.levels[i] === asked);
  if (found !== undefined) return [found];
  const allowed = may.map((i) => lane.levels[i] ?? 0);
  const closest = leastBy(allowed, (removed) => Math.abs(removed - asked));
  const some = Number.isInteger(asked) && asked >= 0 && asked < units;
  throw new LoraShearError(
    'CONFIG_INVALID',
    `${asked} of ${units} kv heads cannot be cut from each layer: ${
      some ? 'no stock loader takes the heads that are left' : 'one at least must stay'
    }`,
    {
      hint: `the nearest that can be cut is ${closest ?? 'none'} (possible: ${allowed.join(', ')})`,
      facts: { asked, nearest: closest, allowed },
    },
  );
}
