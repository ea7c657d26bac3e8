// The cut of experts: what stays of a layer's, and a model with the others closed, which the cut one must equal.
import type { NodeGroup, Partition } from '../groups/group.js';
import type { Model } from '../models/model.js';
import type { LayerSizes } from '../models/sizes.js';
import { Moe } from '../nn/moe.js';
import { floatTensorOn } from '../tensor/placed.js';
import { keep } from '../tensor/scope.js';
import { type Removed, invalidCut } from './losses.js';

const expertGroups = ({ groups }: Pick<Partition, 'groups'>): NodeGroup[] =>
  groups.filter(({ kind }) => kind === 'experts');

/** Units that stay, in order. */
function keptUnits({ id, units }: NodeGroup, removed: Removed): number[] {
  const gone = new Set(removed.get(id) ?? []);
  return Array.from({ length: units }, (_, unit) => unit).filter((unit) => !gone.has(unit));
}

/**
 * Experts of a layer whose groups are `own`, and channels of those that stay.
 * @throws PARTITION_INVALID when fewer experts stay than a token goes to, or they keep different numbers of channels
 */
export function expertSizes(own: readonly NodeGroup[], removed: Removed): Partial<LayerSizes> {
  const experts = own.find(({ kind }) => kind === 'experts');
  if (!experts) return {};
  const kept = keptUnits(experts, removed);
  const { id, least = 1 } = experts;
  if (kept.length < least) {
    throw invalidCut(`${id} would keep ${kept.length} experts, and each token goes to ${least}`);
  }
  const staying = new Set(kept);
  const unitOf = new Map(experts.slices.map(({ param, only }) => [param, only]));
  const inner = own.filter(
    ({ kind, slices: [first] }) =>
      kind === 'expert_channels' && staying.has(unitOf.get(first?.param ?? '') ?? NaN),
  );
  const counts = inner.map((group) => keptUnits(group, removed).length);
  const [expertChannels] = counts;
  if (expertChannels === undefined) return { experts: kept.length };
  const odd = counts.findIndex((count) => count !== expertChannels);
  if (odd >= 0) {
    throw invalidCut(
      `${inner[odd]?.id ?? ''} keeps ${counts[odd] ?? 0} channels, ${inner[0]?.id ?? ''} keeps ${expertChannels}`,
    );
  }
  if (expertChannels < 1) throw invalidCut(`no unit of ${inner[0]?.id ?? ''} would stay`);
  return { experts: kept.length, expertChannels };
}

/**
 * Closes the removed experts of `model` until restore(): tokens go to the others, as they do in the cut model.
 * @throws PARTITION_INVALID when the partition is of another model
 */
export function closeExperts(
  model: Model,
  partition: Pick<Partition, 'groups'>,
  removed: Removed,
): { restore(): void } {
  const mixtures = new Map<string, Moe>();
  for (const [path, module] of model.modules()) {
    if (module instanceof Moe) mixtures.set(`${path}.gate.weight`, module);
  }
  const closed = expertGroups(partition).flatMap((group) => {
    const kept = new Set(keptUnits(group, removed));
    if (kept.size === group.units) return [];
    const router = group.slices.find(({ only }) => only === undefined)?.param ?? '';
    const moe = mixtures.get(router);
    if (!moe) throw invalidCut(`the model has no mixture of experts with the router '${router}'`);
    const open = Array.from({ length: group.units }, (_, unit) => (kept.has(unit) ? 1 : 0));
    return [{ moe, open: keep(floatTensorOn(moe.router.device, open)) }];
  });
  for (const { moe, open } of closed) moe.open = open;
  return {
    restore() {
      for (const { moe, open } of closed) {
        moe.open = null;
        open.dispose();
      }
    },
  };
}
