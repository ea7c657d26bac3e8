// Why a target cannot be met: the nearest that can, and which rule binds.
import { LoraShearError } from '../errors.js';
import type { Measure } from '../plan/costs.js';
import { type BudgetOptions, type Relaxed, defaultFloor } from './allocate.js';
import type { Attempt, CostModel, Goal } from './goal.js';

const words: Readonly<Record<Measure, string>> = {
  parameters: 'of all parameters',
  macs: 'of all multiply-accumulates',
  kvBytes: 'of the key-value cache',
  memory: 'of the memory',
};

type Constraint = Relaxed extends ReadonlySet<infer T> ? T : never;

/**
 * A rule binds if the target can be met without it, all else equal; several where it takes leaving out all of them.
 * @param attempt the same search without some rules
 */
export function unreachable(
  costs: CostModel,
  goal: Goal,
  options: BudgetOptions,
  found: Attempt,
  attempt: (relaxed: Relaxed) => Attempt,
): LoraShearError {
  const { measure } = goal.target;
  const hint = 'see which groups the partition leaves prunable, and why not the others';
  if (found.removed <= 0 && found.refusals.length === 0 && goal.share > 0) {
    const { binding } = bindingOf(costs, goal, options, found, attempt);
    const what = `nothing can be removed that would lower the share ${words[measure]}`;
    return new LoraShearError('RATIO_UNREACHABLE', `${what}: ${binding.join(', ')}`, {
      hint,
      facts: { measure, ratio: goal.share, nearest: 0, binding },
    });
  }
  const share = found.removed / goal.total;
  const { binding, why } = bindingOf(costs, goal, options, found, attempt);
  return new LoraShearError(
    'RATIO_UNREACHABLE',
    `removing ${goal.share.toFixed(4)} ${words[measure]} cannot be met: ${why}; ` +
      (share > 0
        ? `the nearest is ${share.toFixed(4)}${inWords(costs, found)}`
        : 'no other cut was found that can be had'),
    {
      hint: share > 0 ? `ask for ${share.toFixed(4)}, or loosen what binds` : hint,
      facts: {
        ...{ measure, ratio: goal.share, nearest: share, binding },
        ...(found.refusals.length > 0
          ? { refusals: [...new Set(found.refusals)].slice(0, 5) }
          : {}),
      },
    },
  );
}

function bindingOf(
  { partition }: CostModel,
  goal: Goal,
  options: BudgetOptions,
  found: Attempt,
  attempt: (relaxed: Relaxed) => Attempt,
): { binding: string[]; why: string } {
  const [refusal] = found.refusals;
  if (refusal !== undefined)
    return { binding: [refusal], why: `what would meet it is refused by ${refusal}` };
  const { rule, floor = defaultFloor, kvHeads = 'auto', roundChannelsTo: multiple = 1 } = options;
  const spares = rule !== 'layer' ? (options.protected?.size ?? 0) : 0;
  const experts = partition.groups.filter(({ kind, prunable }) => kind === 'experts' && prunable);
  const least = Math.max(0, ...experts.map((group) => group.least ?? 1));
  const heads = [
    ...(kvHeads === 'auto' ? [] : [`${kvHeads} kv heads are asked for`]),
    ...(options.allowKept ? ['only some numbers of kv heads can be exported'] : []),
  ];
  const rules: [Constraint, boolean, string][] = [
    ['floor', floor > 0, `the floor (${floor} of every group stays)`],
    ['protection', spares > 0, `the protection of ${spares} groups`],
    ['rounding', multiple > 1, `rounding (multiples of ${multiple} channels)`],
    ['heads', heads.length > 0, `the head rule (${heads.join('; ')})`],
    ['least', least > 1, `the experts of a token (${least} stay at least)`],
  ];
  const active = rules.filter(([, on]) => on);
  const alone = goal.share > 0 ? active.filter(([name]) => attempt(new Set([name])).met) : [];
  const binding =
    alone.length > 0 || active.length < 2 || goal.share <= 0
      ? alone
      : attempt(new Set(active.map(([name]) => name))).met
        ? active
        : [];
  if (binding.length > 0) {
    const joint = alone.length === 0 ? ' together' : '';
    return {
      binding: binding.map(([name]) => name),
      why: `${binding.map(([, , text]) => text).join(' and ')} ${joint === '' && binding.length === 1 ? 'binds' : `bind${joint}`}`,
    };
  }
  return goal.aim > found.most
    ? { binding: ['units'], why: 'the groups that may be cut hold no more' }
    : { binding: ['steps'], why: 'units are too large for it' };
}

/** ` (1 of 4 kv heads and 20 of 172 channels from each layer)`, where all layers are alike. */
function inWords({ partition: { groups } }: CostModel, { counts }: Attempt): string {
  const parts = (
    [
      ['kv heads', 'attention_heads'],
      ['channels', 'mlp_channels'],
      ['channels', 'expert_channels'],
    ] as const
  ).flatMap(([name, kind]) => {
    const own = groups.filter((group) => group.kind === kind && (counts.get(group.id) ?? 0) > 0);
    const seen = new Set(own.map(({ id, units }) => `${counts.get(id) ?? 0} of ${units} ${name}`));
    return seen.size === 1 ? [...seen] : [];
  });
  return parts.length === 0 ? '' : ` (${parts.join(' and ')} from each layer)`;
}
