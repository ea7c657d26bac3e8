import t from 'tap';
import { shrinkPartition } from '../../lib/compress/shrink_partition.js';
import { compress } from '../../lib/compress/slice.js';
import type { GroupKind, NodeGroup } from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { loadModel } from '../../lib/checkpoint/load.js';
import { attachLora } from '../../lib/lora/lora.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder } from '../fixtures/families.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

const kinds: readonly GroupKind[] = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'expert_channels',
];

/** What a group says about one parameter's dimension: the indices of each unit, however its slices spell them. */
function places({ slices, units }: NodeGroup): Record<string, number[][]> {
  const found: Record<string, number[][]> = {};
  for (const slice of slices) {
    const key = `${slice.param}/${slice.dim}/${slice.extent}/${slice.role}/${slice.carrier}`;
    const list = (found[key] ??= Array.from({ length: units }, () => []));
    list.forEach((own, u) => own.push(...sliceIndices(slice, units, u)));
  }
  for (const list of Object.values(found)) list.forEach((own) => own.sort((a, b) => a - b));
  return found;
}

for (const name of families()) {
  for (const chosen of [
    ['attention_heads', 'mlp_channels', 'expert_channels'],
    ['query_heads'],
  ] as const) {
    t.test(
      `when ${name} loses ${chosen.join(', ')}, then its shrunk partition is the one that the cut model has`,
      (t) => {
        const before = tensorCount();
        const model = loadModel(familyFolder(name));
        attachLora(model, { r: 2, alpha: 4, seed: 0 });
        const whole = structuresOf(model, kinds, { lora: true });
        const removed = someUnits(whole, chosen, 5);
        if (removed.size === 0) {
          model.dispose();
          return t.end();
        }
        const compact = compress(model, whole, removed);
        const shapes = new Map(
          [...compact.parameters()].map(([param, { shape }]) => [param, shape]),
        );
        const { partition, left } = shrinkPartition(whole, removed, shapes);
        const found = structuresOf(compact, kinds, { lora: true });
        t.equal(partition.parameters, found.parameters);
        let compared = 0;
        for (const group of found.groups) {
          const own = partition.groups.find(({ id }) => id === group.id);
          if (!kinds.includes(group.kind) || own?.kind !== group.kind) continue;
          compared++;
          t.equal(own.units, group.units, group.id);
          t.equal(own.blocks, group.blocks, group.id);
          t.strictSame(places(own), places(group), group.id);
          t.equal(own.cost, group.cost, group.id);
          const original = whole.groups.find(({ id }) => id === group.id)!;
          const gone = new Set(removed.get(group.id));
          t.ok(left.get(group.id)?.every((u) => u < original.units && !gone.has(u)));
          t.equal(left.get(group.id)?.length, own.units);
        }
        t.ok(compared >= removed.size / 2, `${compared} groups compared`);
        model.dispose();
        compact.dispose();
        t.equal(tensorCount(), before);
        t.end();
      },
    );
  }
}
