import t from 'tap';
import {
  chooseUnits,
  defaultModel,
  llamaBlocks,
  makeSlices,
  singleBlock,
  sliceBytes,
} from '../../bench/sliced_matrices.js';
import { groupStatistics } from '../../lib/tensor/kernels.js';
import { scoped } from '../../lib/tensor/scope.js';

t.test('when half of the default model is chosen, then 5,520 of its 11,040 groups are', (t) => {
  const blocks = llamaBlocks(defaultModel, 0.5);
  const count = (of: (block: (typeof blocks)[number]) => number) =>
    blocks.reduce((sum, block) => sum + of(block), 0);
  t.equal(
    count(({ units }) => units),
    11040,
  );
  t.equal(
    count(({ active }) => active.length),
    5520,
  );
  t.equal(
    count(({ matrices }) => matrices.length),
    8 * 5,
  );
  for (const { units, matrices } of blocks) {
    for (const { rows, perUnit } of matrices) t.equal(rows, units * perUnit);
  }
  t.end();
});

t.test(
  'when units are chosen, then they are distinct, in order, scattered, the same each time',
  (t) => {
    const chosen = chooseUnits(1000, 0.5, 3);
    t.equal(new Set(chosen).size, 500);
    t.same(chosen, chooseUnits(1000, 0.5, 3));
    t.notSame(chosen, chooseUnits(1000, 0.5, 4));
    t.ok(chosen.every((u, i) => i === 0 || u > (chosen[i - 1] ?? -1)));
    const low = chosen.filter((u) => u < 500).length;
    t.ok(low > 200 && low < 300, `${low} of 500 in the lower half`);
    t.end();
  },
);

t.test('when bytes are counted, then rows count whole and columns by cache line', (t) => {
  const common = { rank: 2, scale: 1, dtype: 'float32', device: 'cpu' } as const;
  const rows = {
    units: 4,
    active: [0, 2],
    matrices: [{ rows: 8, columns: 16, perUnit: 2, axis: 0 }],
  };
  t.same(sliceBytes({ ...common, blocks: [rows] as never }), {
    x: 2 * 2 * 16 * 4,
    sliced: 2 * 2 * 2 * 4,
    shared: 2 * 16 * 4,
  });
  const columns = { rows: 8, columns: 64, perUnit: 1, axis: 1 };
  const beside = { units: 64, active: [0, 1, 15], matrices: [columns] };
  const apart = { units: 64, active: [0, 16, 63], matrices: [columns] };
  t.equal(sliceBytes({ ...common, blocks: [beside] as never }).x, 8 * 64);
  t.equal(sliceBytes({ ...common, blocks: [apart] as never }).x, 8 * 64 * 3);
  t.end();
});

t.test('when slices are made, then the operators take them', (t) => {
  const shape = { rows: 12, columns: 16, perUnit: 3, axis: 0 } as const;
  const blocks = [singleBlock(shape, 0.5), singleBlock({ ...shape, perUnit: 1, axis: 1 }, 1)];
  const rows = scoped(() => {
    const { list, groups } = makeSlices({
      ...{ blocks, rank: 2, scale: 2, dtype: 'float32', device: 'cpu' },
    });
    t.equal(groups, 2 + 16);
    return groupStatistics(list, { scale: 2, groups }).toArray();
  });
  t.equal(rows.length, 18 * 3);
  t.ok(rows.every(Number.isFinite));
  t.ok((rows[0] ?? 0) > 0);
  t.end();
});
