// How many kv heads and channels every layer loses, so that a given share of all parameters goes (algorithm §9).
import { LoraShearError } from '../errors.js';
import type { GroupKind, NodeGroup, Partition } from '../groups/group.js';

export interface PlanOptions {
  /** kv heads that each layer loses (their query heads go with them), or 'auto' to share the loss with the channels. */
  kvHeads?: 'auto' | number;
  /** Which numbers of kept kv heads may be used; default: all. See `keptHeadsRule`. */
  allowKept?: (keptKvHeads: number) => boolean;
}

/** What every layer loses. Parameters are counted without LoRA and with tied ones once. */
export interface WidthPlan {
  readonly kvHeadsRemovedPerLayer: number;
  readonly channelsRemovedPerLayer: number;
  /** Parameters that are removed. */
  readonly parameters: number;
  /** Their share of all parameters of the model. */
  readonly achievedRatio: number;
  /** Units to remove from each prunable group, by its id. */
  readonly quotas: ReadonlyMap<string, number>;
}

/** A plan may miss the ratio by this share of all parameters. */
export const ratioTolerance = 0.005;

/** Groups of one kind, one for each layer, all of the same size. */
interface Family {
  readonly groups: readonly NodeGroup[];
  readonly units: number;
  /** Parameters of one unit of every layer together. */
  readonly cost: number;
}

/**
 * Uniform widths: each layer loses the same number of kv heads and of channels, because stock loaders know one
 * number for all layers (conventions §3.3). At least one of each stays.
 *
 * Protected groups (knowledge distribution) have the same quota as all others for that reason; they are protected by
 * the choice among units, through the scores, not by the widths.
 *
 * @param ratio share of ALL parameters of the model, within `ratioTolerance`
 * @throws RATIO_UNREACHABLE with the nearest ratio that can be had
 * @throws PARTITION_INVALID when layers differ in size, CONFIG_INVALID for a head count that cannot be
 */
export function planWidths(
  partition: Partition,
  ratio: number,
  { kvHeads = 'auto', allowKept = () => true }: PlanOptions = {},
): WidthPlan {
  if (!Number.isFinite(ratio)) {
    throw new LoraShearError('CONFIG_INVALID', `a ratio of ${ratio} is no number`, {
      hint: 'give the share of all parameters to remove, for example 0.2',
    });
  }
  const heads = familyOf(partition, 'attention_heads');
  const channels = familyOf(partition, 'mlp_channels');
  const total = partition.parameters;
  const allowed = removable(heads, kvHeads, allowKept);
  const plans = allowed.map((removed) => {
    const open = ratio * total - removed * heads.cost;
    const most = Math.max(channels.units - 1, 0);
    const fit = channels.cost > 0 ? Math.round(open / channels.cost) : 0;
    // A plan that removes nothing is none: the smallest cut is one channel.
    return widthPlan(
      heads,
      removed,
      channels,
      Math.min(Math.max(fit, removed > 0 ? 0 : 1), most),
      total,
    );
  });
  const cuts = plans.filter(({ parameters }) => parameters > 0);
  const miss = ({ achievedRatio }: WidthPlan): number => Math.abs(achievedRatio - ratio);
  const reached = ratio > 0 ? cuts.filter((plan) => miss(plan) <= ratioTolerance) : [];
  // Where several head counts reach the ratio: both kinds lose about the same share of what they hold.
  const even =
    (ratio * total * heads.units) / (heads.cost * heads.units + channels.cost * channels.units);
  const wished = Math.min(Math.max(heads.units - 1, 0), Math.round(even));
  const distance = ({ kvHeadsRemovedPerLayer: removed }: WidthPlan): number =>
    Math.abs(removed - wished) + Math.abs(removed - even) * 1e-3;
  const best = least(reached, distance);
  if (!best) throw unreachable(ratio, least(cuts, miss), heads, channels);
  return best;
}

function least<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || of(item) < of(best) ? item : best),
    undefined,
  );
}

/** The groups of `kind`; none when a layer's may not be cut, since all layers are cut alike. */
export function familyOf({ groups }: Partition, kind: GroupKind): Family {
  const members = groups.filter((group) => group.kind === kind);
  const [first] = members;
  if (!first || !members.every(({ prunable }) => prunable))
    return { groups: [], units: 0, cost: 0 };
  const odd = members.find(({ units, cost }) => units !== first.units || cost !== first.cost);
  if (odd) {
    throw new LoraShearError(
      'PARTITION_INVALID',
      `${odd.id} has ${odd.units} units of ${odd.cost} parameters, ${first.id} has ${first.units} of ${first.cost}`,
      { hint: 'layers of different widths cannot be cut alike' },
    );
  }
  return { groups: members, units: first.units, cost: first.cost * members.length };
}

/**
 * Numbers of kv heads that may be removed from each layer.
 * @throws CONFIG_INVALID for an asked number that is none of them
 */
export function removable(
  { units }: Pick<Family, 'units'>,
  asked: 'auto' | number,
  allowKept: (kept: number) => boolean,
): number[] {
  const all = Array.from({ length: Math.max(units, 1) }, (_, removed) => removed);
  const allowed = all.filter((removed) => units === 0 || allowKept(units - removed));
  if (asked === 'auto') return allowed;
  if (allowed.includes(asked)) return [asked];
  const nearest = least(allowed, (removed) => Math.abs(removed - asked));
  throw new LoraShearError(
    'CONFIG_INVALID',
    `${asked} of ${units} kv heads cannot be cut from each layer: ${
      all.includes(asked)
        ? 'no stock loader takes the heads that are left'
        : 'one at least must stay'
    }`,
    {
      hint: `the nearest that can be cut is ${nearest ?? 'none'} (possible: ${allowed.join(', ')})`,
      facts: { asked, nearest, allowed },
    },
  );
}

function widthPlan(
  heads: Family,
  kvHeadsRemovedPerLayer: number,
  channels: Family,
  channelsRemovedPerLayer: number,
  total: number,
): WidthPlan {
  const parameters = kvHeadsRemovedPerLayer * heads.cost + channelsRemovedPerLayer * channels.cost;
  const quotas = new Map<string, number>();
  for (const { id } of heads.groups) quotas.set(id, kvHeadsRemovedPerLayer);
  for (const { id } of channels.groups) quotas.set(id, channelsRemovedPerLayer);
  const achievedRatio = parameters / total;
  return { kvHeadsRemovedPerLayer, channelsRemovedPerLayer, parameters, achievedRatio, quotas };
}

function unreachable(
  ratio: number,
  nearest: WidthPlan | undefined,
  heads: Family,
  channels: Family,
): LoraShearError {
  if (!nearest) {
    return new LoraShearError('RATIO_UNREACHABLE', 'no layer has heads or channels to remove', {
      hint: 'see which groups the partition leaves prunable, and why not the others',
    });
  }
  const { kvHeadsRemovedPerLayer: k, channelsRemovedPerLayer: c, achievedRatio } = nearest;
  return new LoraShearError(
    'RATIO_UNREACHABLE',
    `a ratio of ${ratio} of all parameters cannot be met; the nearest is ${achievedRatio.toFixed(4)} ` +
      `(${k} of ${heads.units} kv heads and ${c} of ${channels.units} channels from each layer)`,
    {
      hint: `ask for ${achievedRatio.toFixed(4)}`,
      facts: { ratio, nearest: achievedRatio, kvHeads: k, channels: c },
    },
  );
}
