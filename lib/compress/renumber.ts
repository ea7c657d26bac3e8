// Where the tensors of a cut model come from: layers and experts that stay move up.
import type { NodeGroup, Partition } from '../groups/group.js';
import type { Resized } from '../models/sizes.js';
import type { Removed } from './losses.js';

/** From a name in the cut model to the name in the whole one. */
export function renumbered(
  layers: Resized['layers'],
  { groups }: Partition,
  removed: Removed,
): (name: string) => string {
  const experts = new Map<number, number[]>();
  for (const group of groups) {
    if (group.kind !== 'experts' || group.layer === null) continue;
    experts.set(group.layer, kept(group, removed));
  }
  return (name) => {
    const parts = name.split('.');
    const at = parts.findIndex((part) => /^\d+$/.test(part));
    if (at < 0) return name;
    const from = layers[Number(parts[at])]?.from;
    if (from === undefined) return name;
    parts[at] = String(from);
    const inner = parts.findIndex((part, i) => i > at && /^\d+$/.test(part));
    const expert = inner < 0 ? undefined : experts.get(from)?.[Number(parts[inner])];
    if (expert !== undefined) parts[inner] = String(expert);
    return parts.join('.');
  };
}

/** The name of layer `layer`'s tensor that has this name in another layer; undefined for a name outside layers. */
export function inLayer(name: string, layer: number): string | undefined {
  const parts = name.split('.');
  const at = parts.findIndex((part) => /^\d+$/.test(part));
  if (at < 0) return undefined;
  parts[at] = String(layer);
  return parts.join('.');
}

/** Units that stay, in order. */
function kept({ id, units }: NodeGroup, removed: Removed): number[] {
  const gone = new Set(removed.get(id) ?? []);
  return Array.from({ length: units }, (_, u) => u).filter((u) => !gone.has(u));
}
