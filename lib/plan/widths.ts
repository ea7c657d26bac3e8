// The uniform widths that come nearest to a target in any measure, rounded as asked.
import { type PlanOptions, familyOf, ratioTolerance, removable } from '../compress/plan.js';
import { LoraShearError } from '../errors.js';
import type { GroupKind, NodeGroup } from '../groups/group.js';
import type { Costs, Measure, Measures } from './costs.js';
import { type Target, shareOf } from './target.js';

export interface WidthOptions extends PlanOptions {
  /** Channels that stay are a multiple of this. */
  readonly roundChannelsTo?: number;
}

/** What every layer keeps, and what that comes to. */
export interface Widths {
  readonly kvHeadsRemovedPerLayer: number;
  readonly channelsRemovedPerLayer: number;
  /** Units left in each layer; null where all are as they were or differ. */
  readonly kvHeads: number | null;
  readonly channels: number | null;
  /** Units gone from each group, by its id. */
  readonly counts: ReadonlyMap<string, number>;
  /** Of the cut model. */
  readonly after: Measures;
  /** Shares of each measure that went. */
  readonly ratios: Measures;
}

/** Groups that every layer has alike, and what one unit of each of them together costs in the target's measure. */
interface Family {
  readonly groups: readonly NodeGroup[];
  readonly units: number;
  readonly cost: number;
}

interface Candidate {
  readonly heads: number;
  readonly channels: number;
  /** Share of the measure that goes. */
  readonly share: number;
}

/**
 * All layers lose the same number of kv heads and of channels, as in `planWidths`, whose choice this is for a share
 * of the parameters without rounding. Where a size is the target, the result is not above it.
 * @throws RATIO_UNREACHABLE with the nearest that can be had
 * @throws CONFIG_INVALID for a multiple or a number of heads that cannot be, PARTITION_INVALID where layers differ
 */
export function widthsFor(costs: Costs, target: Target, options: WidthOptions = {}): Widths {
  const { kvHeads = 'auto', allowKept = () => true, roundChannelsTo: multiple = 1 } = options;
  const { measure } = target;
  const total = costs.total[measure];
  const share = shareOf(target, costs.total);
  const heads = family(costs, ['attention_heads'], measure);
  const channels = family(costs, ['mlp_channels', 'expert_channels'], measure);
  checkMultiple(multiple, channels.units);

  const candidates = removable(heads, kvHeads, allowKept).flatMap((removed) => {
    const open = share * total - removed * heads.cost;
    return channelsFor(open, channels, multiple, 'most' in target).map((lost): Candidate => ({
      heads: removed,
      channels: lost,
      share: (removed * heads.cost + lost * channels.cost) / total,
    }));
  });
  // What already fits is left as it is, but for the rounding.
  if (share <= 0) return widths(costs, heads, channels, least(candidates, (c) => c.share) ?? none);

  const step = channels.cost > 0 ? multiple * channels.cost : heads.cost;
  const tolerance = Math.max(ratioTolerance, (0.5 * step) / total) + 1e-12;
  const miss = (c: Candidate): number => Math.abs(c.share - share);
  const cuts = candidates.filter((c) => c.share > 0);
  const reached = cuts.filter((c) =>
    'most' in target ? c.share >= share - 1e-12 : miss(c) <= tolerance,
  );
  // Where several head counts reach it: both kinds lose about the same share of what they hold.
  const whole = heads.cost * heads.units + channels.cost * channels.units;
  const even = whole === 0 ? 0 : (share * total * heads.units) / whole;
  const wished = Math.min(Math.max(heads.units - 1, 0), Math.round(even));
  const far = (c: Candidate): number =>
    Math.abs(c.heads - wished) + Math.abs(c.heads - even) * 1e-3 + miss(c) * 1e-6;
  const best = least(reached, 'most' in target ? (c) => far(c) + excess(c) : far);
  if (best) return widths(costs, heads, channels, best);
  throw unreachable(target, share, least(cuts, miss), heads, channels);

  /** Beyond a channel more than needed, what goes needlessly counts more than how evenly it goes. */
  function excess(c: Candidate): number {
    return Math.max(0, c.share - share - tolerance) * 1e6;
  }
}

const none: Candidate = { heads: 0, channels: 0, share: 0 };

/** The first of `kinds` that can be cut alike in all layers. */
function family(costs: Costs, kinds: readonly GroupKind[], measure: Measure): Family {
  for (const kind of kinds) {
    const { groups, units } = familyOf(costs.partition, kind);
    if (groups.length === 0) continue;
    const one = costs.after(new Map(groups.map(({ id }) => [id, 1])));
    return { groups, units, cost: costs.total[measure] - one[measure] };
  }
  return { groups: [], units: 0, cost: 0 };
}

/** Channels to remove so that about `open` goes with them: the nearest that leave a multiple. */
function channelsFor(
  open: number,
  { units, cost }: Family,
  multiple: number,
  atLeast: boolean,
): number[] {
  if (units === 0) return [0];
  const largest = Math.floor(units / multiple);
  const exact = cost > 0 ? (units - Math.max(0, open) / cost) / multiple : largest;
  const kept = atLeast ? Math.floor(exact + 1e-9) : Math.round(exact);
  const lost = units - Math.min(Math.max(kept, 1), largest) * multiple;
  // A cut that removes nothing is none: the smallest is one multiple.
  return lost === 0 && largest > 1 ? [0, multiple] : [lost];
}

function checkMultiple(multiple: number, units: number): void {
  if (Number.isInteger(multiple) && multiple >= 1 && (units === 0 || multiple <= units)) return;
  throw new LoraShearError(
    'CONFIG_INVALID',
    `channels cannot be rounded to ${multiple}: a layer has ${units}`,
    {
      hint: 'give a whole number that is not above the channels of a layer: 128 suits GPUs, 256 k-quants',
      facts: { multiple, units },
    },
  );
}

function widths(costs: Costs, heads: Family, channels: Family, chosen: Candidate): Widths {
  const counts = new Map<string, number>();
  for (const { id } of heads.groups) counts.set(id, chosen.heads);
  for (const { id } of channels.groups) counts.set(id, chosen.channels);
  const after = costs.after(counts);
  const gone = (measure: Measure): number => 1 - after[measure] / (costs.total[measure] || 1);
  return {
    kvHeadsRemovedPerLayer: chosen.heads,
    channelsRemovedPerLayer: chosen.channels,
    kvHeads: heads.units === 0 ? null : heads.units - chosen.heads,
    channels: channels.units === 0 ? null : channels.units - chosen.channels,
    counts,
    after,
    ratios: {
      parameters: gone('parameters'),
      macs: gone('macs'),
      kvBytes: gone('kvBytes'),
      memory: gone('memory'),
    },
  };
}

function least<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || of(item) < of(best) ? item : best),
    undefined,
  );
}

const words: Readonly<Record<Measure, string>> = {
  parameters: 'of all parameters',
  macs: 'of all multiply-accumulates',
  kvBytes: 'of the key-value cache',
  memory: 'of the memory',
};

function unreachable(
  { measure }: Target,
  share: number,
  nearest: Candidate | undefined,
  heads: Family,
  channels: Family,
): LoraShearError {
  if (!nearest) {
    const what = `no layer has heads or channels to remove that would lower the share ${words[measure]}`;
    return new LoraShearError('RATIO_UNREACHABLE', what, {
      hint: 'see which groups the partition leaves prunable, and why not the others',
    });
  }
  return new LoraShearError(
    'RATIO_UNREACHABLE',
    `removing ${share.toFixed(4)} ${words[measure]} cannot be met; the nearest is ${nearest.share.toFixed(4)} ` +
      `(${nearest.heads} of ${heads.units} kv heads and ${nearest.channels} of ${channels.units} channels from each layer)`,
    {
      hint: `ask for ${nearest.share.toFixed(4)}`,
      facts: {
        ...{ measure, ratio: share, nearest: nearest.share },
        ...{ kvHeads: nearest.heads, channels: nearest.channels },
      },
    },
  );
}
