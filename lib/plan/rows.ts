// The groups of a partition as rows of a table: equal layers share one, whatever their kind.
import type { GroupKind, NodeGroup, Partition } from '../groups/group.js';
import type { Costs, Measures } from './costs.js';

export interface GroupRow {
  /** `layers.*.mlp.channels`. */
  readonly id: string;
  readonly kind: GroupKind;
  /** Layers that have such a group; empty for what spans layers. */
  readonly layers: readonly number[];
  readonly units: number;
  readonly prunable: boolean;
  /** A run cuts it only where its kind is asked for. */
  readonly onRequest: boolean;
  /** Why not. */
  readonly reason: string | null;
  /** What goes with one unit. */
  readonly unit: Measures;
  /** Share of all parameters in the units of all its layers. */
  readonly share: number;
  readonly parameters: readonly string[];
}

/**
 * All groups but LoRA's ranks, which are no part of the model, in the order of the partition.
 * @param cutByDefault ids of the groups that a run cuts unasked
 */
export function groupRows(
  costs: Costs,
  cutByDefault: ReadonlySet<string> = prunableIds(costs.partition),
): GroupRow[] {
  const rows = new Map<string, { group: NodeGroup; layers: number[]; count: number }>();
  for (const group of costs.partition.groups) {
    if (group.kind === 'lora_rank') continue;
    const key = rowKey(group);
    const row = rows.get(key) ?? { group, layers: [], count: 0 };
    rows.set(key, row);
    row.count++;
    if (group.layer !== null && row.layers.at(-1) !== group.layer) row.layers.push(group.layer);
  }
  return [...rows.values()].map(({ group, layers, count }): GroupRow => {
    const { id, kind, layer, units, prunable, reason = null } = group;
    const unit = costs.unit(group);
    return {
      ...{ kind, layers, units, prunable, unit },
      onRequest: prunable && !cutByDefault.has(id),
      id: anonymous(id, layer),
      reason: reason && anonymous(reason, layer),
      share: (unit.parameters * units * count) / costs.total.parameters,
      parameters: [
        ...new Set(
          group.slices
            .filter(({ lora }) => lora === null)
            .map(({ param }) => anonymous(param, layer)),
        ),
      ],
    };
  });
}

/** Ids of the groups that may be cut. */
export function prunableIds({ groups }: Partition): ReadonlySet<string> {
  return new Set(groups.filter(({ prunable }) => prunable).map(({ id }) => id));
}

function rowKey({ id, kind, layer, units, cost, prunable, reason, slices }: NodeGroup): string {
  const parts = slices.map(({ param, dim, outer, inner }) => [
    anonymous(param, layer),
    ...[dim, outer, inner],
  ]);
  const where = [anonymous(id, layer), kind, units, cost, prunable];
  return JSON.stringify([...where, reason && anonymous(reason, layer), parts]);
}

/** Numbers in a path stand for any: of the layer, and of the expert in it. */
const anonymous = (text: string, layer: number | null): string =>
  layer === null ? text : text.replace(/(^|\.)\d+(?=\.)/g, '$1*');
