// In which order units go where every group may lose another number: least damage for what it saves first.
import { composedKinds } from '../groups/group.js';
import type { Goal } from './goal.js';
import type { Importance } from './importance.js';
import { type Lane, countsAt } from './lane.js';

/** Lanes by their number, one entry for each step to the next level. */
export type Steps = Int32Array;

export interface Ordering {
  readonly lanes: readonly Lane[];
  readonly goal: Goal;
  readonly importance: Importance;
  /** Share of the layers, and of the sublayers, that stays at least. */
  readonly floor: number;
}

/** Expected damage of what goes. */
export function damageOf(importance: Importance, counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [id, count] of counts) sum += importance.get(id)?.[count] ?? 0;
  return sum;
}

/** By lane: what one unit saves, and the damage of a whole sublayer or layer. */
export interface UnitCosts {
  readonly saved: Float64Array;
  readonly whole: Float64Array;
}

/** What one more unit of each lane saves when `levels` are gone, and what damage a whole sublayer or layer does there. */
export function unitCosts({ lanes, goal, importance }: Ordering, levels: Int32Array): UnitCosts {
  const inside = levels.map((level, i) => (isWhole(lanes[i]) ? 0 : level));
  const counts = countsAt(lanes, inside);
  const [before, damage] = [goal.removed(counts), damageOf(importance, counts)];
  const saved = new Float64Array(lanes.length);
  const whole = new Float64Array(lanes.length);
  lanes.forEach((lane, i) => {
    const last = lane.levels.length - 1;
    if (last === 0) return;
    const level = inside[i] ?? 0;
    const other = level < last ? level + 1 : level - 1;
    const counts = countsAt(lanes, inside.with(i, other));
    const units = (lane.levels[other] ?? 0) - (lane.levels[level] ?? 0);
    const one = (goal.removed(counts) - before) / units;
    saved[i] = one > 1e-12 * goal.total ? one : 0;
    if (isWhole(lane)) whole[i] = Math.max(0, damageOf(importance, counts) - damage);
  });
  return { saved, whole };
}

const isWhole = (lane: Lane | undefined): boolean =>
  lane !== undefined && composedKinds.has(lane.kind);

/**
 * Steps of all lanes, least damage for what they save first; ties: where the smaller share is gone. For damages that
 * are convex and costs that do not interact, what the first n steps take is the least damage that saves as much.
 * Damages that are not convex count by their lower convex hull.
 */
export function stepsByDamage(ordering: Ordering, { saved, whole }: UnitCosts): Steps {
  const { lanes, importance } = ordering;
  const keys = lanes.map((lane, i) => {
    const cost = saved[i] ?? 0;
    if (cost === 0) return new Float64Array();
    if (isWhole(lane)) return Float64Array.of((whole[i] ?? 0) / (cost * (lane.levels[1] ?? 1)));
    return marginals(lane, importance).map((damage) => damage / cost);
  });
  return keepSome(ordering, merged(lanes, keys));
}

/** The same inside each kind, and every kind has lost about the same share of what it holds at any time. */
export function stepsByKind(ordering: Ordering, costs: UnitCosts): Steps {
  const { lanes, goal } = ordering;
  const { saved } = costs;
  const steps = stepsByDamage(ordering, costs);
  const taken = new Int32Array(lanes.length);
  const goneOf = new Map<string, number>();
  const keys = lanes.map(() => [] as number[]);
  const held = new Map<string, number>();
  for (const { kind, groups } of lanes) {
    if (held.has(kind)) continue;
    const all = new Map(
      lanes
        .filter((lane) => lane.kind === kind)
        .flatMap((lane) => lane.groups.map(({ id, units }) => [id, units] as const)),
    );
    held.set(kind, groups.length === 0 ? 1 : Math.max(goal.removed(all), Number.MIN_VALUE));
  }
  for (const i of steps) {
    const lane = lanes[i] as Lane;
    const level = (taken[i] = (taken[i] ?? 0) + 1);
    const units = (lane.levels[level] ?? 0) - (lane.levels[level - 1] ?? 0);
    const cost = units * (saved[i] ?? 0);
    const gone = goneOf.get(lane.kind) ?? 0;
    goneOf.set(lane.kind, gone + cost);
    // In the middle of the step, so that large ones come as often too early as too late.
    keys[i]?.push((gone + cost / 2) / (held.get(lane.kind) ?? 1));
  }
  return merged(lanes, keys);
}

/** Damage of one unit in each step of a lane: the slopes of the lower convex hull over the numbers of units. */
export function marginals({ groups, levels, count }: Lane, importance: Importance): Float64Array {
  const damage = levels.map((_, level) =>
    groups.reduce((sum, g) => sum + (importance.get(g.id)?.[count(g, level)] ?? 0), 0),
  );
  const x = (i: number): number => levels[i] ?? 0;
  const y = (i: number): number => damage[i] ?? 0;
  const slope = (a: number, b: number): number => (y(b) - y(a)) / (x(b) - x(a));
  const hull: number[] = [];
  levels.forEach((_, i) => {
    while (
      hull.length > 1 &&
      slope(hull.at(-2) ?? 0, hull.at(-1) ?? 0) >= slope(hull.at(-1) ?? 0, i)
    ) {
      hull.pop();
    }
    hull.push(i);
  });
  const slopes = new Float64Array(levels.length - 1);
  for (let k = 1; k < hull.length; k++) {
    const [from = 0, to = 0] = [hull[k - 1], hull[k]];
    slopes.fill(Math.max(0, slope(from, to)), from, to);
  }
  return slopes;
}

/** Steps of all lanes, least key first; ties: where the smaller share is gone, then the first lane. */
function merged(lanes: readonly Lane[], keys: readonly ArrayLike<number>[]): Steps {
  const length = keys.reduce((n, own) => n + own.length, 0);
  const [key, share] = [new Float64Array(length), new Float64Array(length)];
  const lane = new Int32Array(length);
  let n = 0;
  keys.forEach((own, i) => {
    for (let level = 0; level < own.length; level++, n++) {
      key[n] = own[level] ?? 0;
      share[n] = (level + 1) / (lanes[i]?.levels.length ?? 1);
      lane[n] = i;
    }
  });
  const order = Uint32Array.from({ length }, (_, i) => i).sort(
    (a, b) => (key[a] ?? 0) - (key[b] ?? 0) || (share[a] ?? 0) - (share[b] ?? 0) || a - b,
  );
  return Int32Array.from(order, (i) => lane[i] ?? 0);
}

/** Leaves out the last whole layers and sublayers, so that enough of them stay, and one layer with both its halves. */
function keepSome({ lanes, floor }: Ordering, steps: Steps): Steps {
  const part = (i: number): string => {
    const { kind, groups } = lanes[i] as Lane;
    return kind === 'layer' ? kind : (groups[0]?.id.split('.').at(-1) ?? '');
  };
  const ids = lanes.map((_, i) => i).filter((i) => isWhole(lanes[i]));
  if (ids.length === 0) return steps;
  const left = new Map<string, number>();
  for (const i of ids) left.set(part(i), (left.get(part(i)) ?? 0) + 1);
  const least = new Map([...left].map(([name, n]) => [name, Math.max(1, Math.ceil(floor * n))]));
  const kept = steps.findLast((i) => lanes[i]?.kind === 'layer');
  const whole = kept === undefined ? undefined : lanes[kept]?.layer;
  return steps.filter((i) => {
    if (!isWhole(lanes[i])) return true;
    if (whole !== undefined && lanes[i]?.layer === whole) return false;
    const name = part(i);
    const others = (left.get(name) ?? 0) - 1;
    if (others < (least.get(name) ?? 1)) return false;
    left.set(name, others);
    return true;
  });
}
