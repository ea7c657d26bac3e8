import { loadModel } from '../../lib/checkpoint/load.js';
import type { GroupKind, NodeGroup } from '../../lib/groups/group.js';
import { sliceList } from '../../lib/lhspg/slice_list.js';
import { type ChosenSlice, allSlices, chosenSlices } from '../../lib/lhspg/units.js';
import { groupStatistics } from '../../lib/tensor/kernels.js';
import type { Model } from '../../lib/models/model.js';
import { familyFolder } from '../fixtures/families.js';
import { groupsOf, run } from '../fixtures/family_units.js';
import { unitVectors } from '../fixtures/scoring.js';
import { test } from '../fixtures/no_leak.js';

/** Each entry as `name: indices → groups`. */
function listed(
  model: Model,
  slices: readonly ChosenSlice[],
): Record<string, [number[], number[]][]> {
  const names = new Map([...model.parameters()].map(([name, { handle }]) => [handle, name]));
  const { list } = sliceList(model, slices);
  const found: Record<string, [number[], number[]][]> = {};
  list.index.forEach((index, k) => {
    const name = (names.get(list.x[k]!.handle) ?? '').replace(/^.*(layers|h)\.0\.\w+\./, '');
    (found[name] ??= []).push([index.toArray(), list.group[k]!.toArray()]);
  });
  return found;
}

const ofOne = (group: NodeGroup, units: number[]): ChosenSlice[] => {
  const partition = { groups: [group], parameters: 0, fingerprint: '' };
  return chosenSlices(partition, new Map([[group.id, units]]));
};

const repeated = (n: number, times: number): number[] => Array<number>(times).fill(n);

test('when slices belong to one query head alone, then the others have no number there', (t) => {
  using model = loadModel(familyFolder('falcon-new')); // 2 kv heads of 8, each stored [q q k v]
  const group = groupsOf('falcon-new', ['query_heads'])['h.0.self_attention.queries_per_head']!;
  t.strictSame(listed(model, ofOne(group, [1, 2, 3])), {
    'query_key_value.weight': [
      [run(8, 8), repeated(0, 8)],
      [run(32, 8), repeated(1, 8)],
      [run(40, 8), repeated(2, 8)],
    ],
    'dense.weight': [[run(8, 24), [...repeated(0, 8), ...repeated(1, 8), ...repeated(2, 8)]]],
  });
});

test('when an expert is listed, then its own weights and its row of the router have its number', (t) => {
  using model = loadModel(familyFolder('mixtral')); // 4 experts of 20 channels, width 32
  const group = groupsOf('mixtral', ['experts'])['layers.0.block_sparse_moe.experts']!;
  const own = (e: number, n: number): Record<string, [number[], number[]][]> => ({
    [`experts.${e}.w1.weight`]: [[run(0, 20), repeated(n, 20)]],
    [`experts.${e}.w3.weight`]: [[run(0, 20), repeated(n, 20)]],
    [`experts.${e}.w2.weight`]: [[run(0, 32), repeated(n, 32)]],
  });
  t.strictSame(listed(model, ofOne(group, [0, 3])), {
    'gate.weight': [
      [
        [0, 3],
        [0, 1],
      ],
    ],
    ...own(0, 0),
    ...own(3, 1),
  });
});

const cases: [string, GroupKind][] = [
  ['falcon-new', 'query_heads'],
  ['mixtral', 'experts'],
  ['qwen3_moe', 'experts'],
];
for (const [family, kind] of cases) {
  test(`when the ${kind} of ${family} are measured, then each has the length of its own weights`, (t) => {
    using model = loadModel(familyFolder(family));
    const groups = Object.values(groupsOf(family, [kind])).filter((g) => g.kind === kind);
    t.ok(groups.length > 0);
    for (const group of groups) {
      const { list, groups: count, scale } = sliceList(model, allSlices(group));
      t.equal(count, group.units);
      const rows = groupStatistics(list, { groups: count, scale }).toArray();
      for (let u = 0; u < group.units; u++) {
        const squared = unitVectors(model, group, u).x.reduce((sum, x) => sum + x * x, 0);
        t.ok(Math.abs((rows[3 * u] ?? NaN) - squared) < 1e-5 * squared, `${group.id} ${u}`);
      }
    }
  });
}
