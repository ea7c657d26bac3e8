// From a target to the number of units that every group loses: the budget of a cut (algorithm.md §3, conventions §3.3).
import { LoraShearError } from '../errors.js';
import type { GroupKind } from '../groups/group.js';
import type { Counts, Measure, Measures } from '../plan/costs.js';
import type { Target } from '../plan/target.js';
import { type Attempt, type CostModel, type Goal, goalOf } from './goal.js';
import type { Importance } from './importance.js';
import { type Bounds, channelKinds } from './lane.js';
import { damageOf } from './order.js';
import { separate } from './separate.js';
import { uniform } from './uniform.js';
import { unreachable } from './unreachable.js';

export { ratioTolerance } from './goal.js';

/**
 * `layer`: every layer loses as many units of each kind, which stock engines load. `global`: least damage for what it
 * saves, wherever it is. `kind`: the same inside each kind, and every kind loses the same share of what it holds.
 */
export const allocationRules = ['layer', 'global', 'kind'] as const;
export type AllocationRule = (typeof allocationRules)[number];

/** With it, 70 % of a model of 5M parameters can go, a fifth of which is its vocabulary. */
export const defaultFloor = 0.05;

export interface BudgetOptions {
  /** A share is met within `ratioTolerance` of the measure; a size is not passed. */
  readonly target: Target;
  readonly rule: AllocationRule;
  /** Of every group that may be cut; `global` and `kind` need it. */
  readonly importance?: Importance | undefined;
  /** Groups that lose nothing; under `layer` none can be spared, and those that lose units are reported. */
  readonly protected?: ReadonlySet<string> | undefined;
  /** Share of each group's units that stays at least; default `defaultFloor`, and always one unit and the experts of a token. */
  readonly floor?: number | undefined;
  /** kv heads that every layer loses, for rule `layer`; default `auto`. */
  readonly kvHeads?: 'auto' | number | undefined;
  /** Channels that stay in a group are a multiple of it; default 1. */
  readonly roundChannelsTo?: number | undefined;
  /** Which numbers of kept kv heads may be used; default all. See `keptHeadsRule`. */
  readonly allowKept?: ((keptKvHeads: number) => boolean) | undefined;
  /** null, or why an engine refuses what would be left. See `engineRule`. */
  readonly accepts?: ((counts: Counts) => string | null) | undefined;
}

export interface Allocation {
  readonly rule: AllocationRule;
  readonly target: Target;
  /** Units that each group loses, by its id; of query heads every kv head's loses as many. */
  readonly counts: ReadonlyMap<string, number>;
  /** Of the cut model. */
  readonly after: Measures;
  /** Shares of each measure that go. */
  readonly ratios: Measures;
  /** That of the target's measure. */
  readonly achieved: number;
  /** Parameters that go. */
  readonly parameters: number;
  /** What every layer loses and keeps; null where layers differ, 0 and null where they have none to lose. */
  readonly kvHeadsRemovedPerLayer: number | null;
  readonly channelsRemovedPerLayer: number | null;
  readonly kvHeads: number | null;
  readonly channels: number | null;
  /** By the importance; null without one. */
  readonly damage: number | null;
  /** Protected groups that lose units all the same. */
  readonly touched: readonly string[];
}

/** A constraint that may be dropped, to see whether it is what binds. */
export type Relaxed = ReadonlySet<
  'floor' | 'protection' | 'rounding' | 'heads' | 'least' | 'engine'
>;

/**
 * @throws RATIO_UNREACHABLE with the nearest that was found and what binds: floor, protection, rounding, the rule of
 * an engine, heads, experts
 * @throws CONFIG_INVALID for options that cannot be
 */
export function allocate(costs: CostModel, options: BudgetOptions): Allocation {
  check(costs, options);
  const goal = goalOf(costs, options.target);
  const attempt = (relaxed: Relaxed): Attempt => attemptWithout(costs, goal, options, relaxed);
  const found = attempt(new Set());
  if (!found.met) throw unreachable(costs, goal, options, found, attempt);
  return allocationOf(costs, options, found);
}

function attemptWithout(
  costs: CostModel,
  goal: Goal,
  options: BudgetOptions,
  relaxed: Relaxed,
): Attempt {
  const { rule, importance = new Map(), floor = defaultFloor, kvHeads = 'auto' } = options;
  const given = kvHeads !== 'auto' && !relaxed.has('heads');
  const { allowKept = () => true } = relaxed.has('heads') ? {} : options;
  const bounds: Bounds = {
    floor: relaxed.has('floor') ? 0 : floor,
    multiple: relaxed.has('rounding') ? 1 : (options.roundChannelsTo ?? 1),
    allowKept,
    least: !relaxed.has('least'),
  };
  const accepts = relaxed.has('engine') ? undefined : options.accepts;
  if (rule === 'layer') {
    return uniform(costs, goal, { bounds, kvHeads: given ? kvHeads : 'auto', accepts });
  }
  const spared = (!relaxed.has('protection') && options.protected) || new Set<string>();
  return separate(costs, goal, { rule, bounds, importance, spared, accepts });
}

function allocationOf(costs: CostModel, options: BudgetOptions, { counts }: Attempt): Allocation {
  const { rule, target, importance } = options;
  const { total } = costs;
  const after = costs.after(counts);
  const gone = (measure: Measure): number => 1 - after[measure] / (total[measure] || 1);
  const ratios: Measures = {
    parameters: gone('parameters'),
    macs: gone('macs'),
    kvBytes: gone('kvBytes'),
    memory: gone('memory'),
  };
  const { groups } = costs.partition;
  const cut = (kind: GroupKind): boolean => groups.some((g) => g.kind === kind && counts.has(g.id));
  const heads = alike(costs, counts, cut('attention_heads') ? 'attention_heads' : null);
  const channels = alike(costs, counts, [...channelKinds].find(cut) ?? null);
  return {
    ...{ rule, target, counts, after, ratios, achieved: ratios[target.measure] },
    parameters: total.parameters - after.parameters,
    kvHeadsRemovedPerLayer: heads.removed,
    channelsRemovedPerLayer: channels.removed,
    kvHeads: heads.kept,
    channels: channels.kept,
    damage: importance ? damageOf(importance, counts) : null,
    touched: [...(options.protected ?? [])].filter((id) => (counts.get(id) ?? 0) > 0),
  };
}

/** What every group of a kind loses and keeps; null where they differ. */
function alike(
  { partition: { groups } }: CostModel,
  counts: Counts,
  kind: GroupKind | null,
): { removed: number | null; kept: number | null } {
  const own = groups.filter((group) => group.kind === kind);
  if (own.length === 0) return { removed: 0, kept: null };
  const removed = new Set(own.map(({ id }) => counts.get(id) ?? 0));
  const kept = new Set(own.map(({ id, units }) => units - (counts.get(id) ?? 0)));
  const one = (values: Set<number>): number | null =>
    values.size === 1 ? ([...values][0] ?? null) : null;
  return { removed: one(removed), kept: one(kept) };
}

function check({ partition: { groups } }: CostModel, options: BudgetOptions): void {
  const { target, rule, importance, floor = defaultFloor, roundChannelsTo: multiple = 1 } = options;
  const invalid = (what: string, hint: string, facts = {}): LoraShearError =>
    new LoraShearError('CONFIG_INVALID', what, { hint, facts });
  if ('ratio' in target && !Number.isFinite(target.ratio)) {
    throw invalid(
      `a ratio of ${target.ratio} is no number`,
      'give the share of all parameters to remove, for example 0.2',
    );
  }
  if (!(floor >= 0 && floor < 1)) {
    throw invalid(
      `a floor of ${floor} is no share`,
      'give the share of units that stays, from 0 to below 1',
    );
  }
  const open = groups.filter(({ prunable, kind }) => prunable && kind !== 'lora_rank');
  const units = Math.min(...open.filter(({ kind }) => channelKinds.has(kind)).map((g) => g.units));
  if (!Number.isInteger(multiple) || multiple < 1 || multiple > units) {
    throw invalid(
      `channels cannot be rounded to ${multiple}: a layer has ${units}`,
      'give a whole number that is not above the channels of a layer: 128 suits GPUs, 256 k-quants',
      { multiple, units },
    );
  }
  if (rule === 'layer') return;
  if (options.kvHeads !== undefined && options.kvHeads !== 'auto') {
    throw invalid(
      `${options.kvHeads} kv heads of every layer are asked for, and the rule '${rule}' chooses layer by layer`,
      "use the rule 'layer', or leave the number of kv heads open",
    );
  }
  for (const { id, units: n } of open) {
    const damage = importance?.get(id);
    const fits = damage?.length === n + 1 && damage.every((d, k) => d >= (damage[k - 1] ?? 0));
    if (fits || options.protected?.has(id)) continue;
    throw invalid(
      damage
        ? `the importance of ${id} does not grow over its ${n} units`
        : `nothing says how important ${id} is`,
      `the rule '${rule}' needs the importance of all groups that may be cut`,
      { group: id },
    );
  }
}
