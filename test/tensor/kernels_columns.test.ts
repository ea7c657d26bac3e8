// Slices that lie across memory: columns of row-major matrices, at widths and strides that fit no vector, against float64.
import type { DType } from '../../lib/tensor/dtype.js';
import { groupStatistics, type SliceList } from '../../lib/tensor/kernels.js';
import { op } from '../../lib/tensor/op.js';
import { clone, copy_, to, zeros } from '../../lib/tensor/ops.js';
import { floatTensor, longTensor, type Tensor } from '../../lib/tensor/tensor.js';
import {
  numbers,
  plainProjection,
  plainStatistics,
  type PlainMatrix,
} from '../fixtures/half_space.js';
import { byColumns, bytes, distance, range, slicesOf, step, test } from '../fixtures/slices.js';

const slice = op(
  'aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)',
) as (x: Tensor, dim: number, start: number, end: number, step: number) => Tensor;

const tolerance: Partial<Record<DType, number>> = {
  float32: 2e-6,
  bfloat16: 2 ** -8,
  float16: 2 ** -11 + 2e-6,
};

/** Rows and columns of one set of groups; the columns in no order, of one block, of many, of more than a tile has. */
function mixed(rank: number): { matrices: PlainMatrix[]; groups: number } {
  const random = numbers(rank);
  const groups = 5;
  const matrix = (rows: number, columns: number, axis: number, index: number[]): PlainMatrix => ({
    ...{ shape: [rows, columns], rank, axis, index, group: index.map((i) => (i * 7) % groups) },
    x: random(rows * columns),
    b: random(rows * rank).map((v) => 0.1 * v),
    a: random(rank * columns),
  });
  const every = (step: number, below: number): number[] =>
    range(0, Math.ceil(below / step)).map((i) => i * step);
  return {
    groups,
    matrices: [
      matrix(13, 431, 0, [12, 3, 5]),
      matrix(13, 431, 1, [430, 2, 1, 429, 17, 16, 15, 400]),
      matrix(431, 13, 1, [12, 0, 7]),
      matrix(261, 47, 1, range(0, 47).reverse()),
      matrix(3, 1100, 1, every(2, 1100)),
      matrix(2, 1100, 1, every(67, 1100).reverse()),
      matrix(1, 40, 1, [39, 38, 3]),
    ],
  };
}

/** The same values with another layout in memory. */
const layouts: Record<string, (x: Tensor) => Tensor> = {
  'row by row': (x) => x,
  'column by column': byColumns,
  'inside a wider matrix': (x) => {
    const [rows, columns] = [x.extent(0), x.extent(1)];
    const wide = zeros([rows, columns + 8], x.dtype);
    const inside = slice(wide, 1, 3, 3 + columns, 1);
    copy_(inside, x);
    return inside;
  },
  'every second element': (x) => {
    const [rows, columns] = [x.extent(0), x.extent(1)];
    const wide = zeros([rows, 2 * columns], x.dtype);
    const inside = slice(wide, 1, 0, 2 * columns, 2);
    copy_(inside, x);
    return inside;
  },
};

for (const [layout, lay] of Object.entries(layouts)) {
  test(`when matrices lie ${layout}, then rows and columns agree with float64`, (t) => {
    for (const [dtype, allowed] of Object.entries(tolerance) as [DType, number][]) {
      for (const rank of layout === 'row by row' ? [3, 8, 17] : [8]) {
        const { matrices, groups } = mixed(rank);
        const pull = range(0, groups).map((g) => 9 * g);
        for (const o of [
          { scale: 2, groups, remaining: 3 },
          { scale: 0.5, groups, remaining: 9, pull, epsilon: 0.4 },
          { scale: 0, groups, remaining: 1 },
        ]) {
          const made = slicesOf(matrices, dtype, true);
          const list: SliceList = { ...made.list, x: made.list.x.map(lay) };
          const measured = groupStatistics(list, o).toArray();
          plainStatistics(made.plain, o).forEach(([xx, xu, uu], g) => {
            const got = measured.slice(3 * g, 3 * g + 3);
            const size = [xx, Math.sqrt(xx * uu), uu];
            const near = [xx, xu, uu].every(
              (want, i) => Math.abs((got[i] ?? NaN) - want) <= 2e-6 * (size[i] ?? 0),
            );
            t.ok(near, `sums of group ${g}, ${dtype}, rank ${rank}`);
          });
          const expected = plainProjection(made.plain, o);
          const result = step(list, o).toArray();
          const want = expected.norm.flatMap((n, g) => [n, expected.zero[g] ? 1 : 0]);
          t.ok(distance(result, want) < 1e-6, 'norms and flags');
          list.x.forEach((x, k) => {
            const d = distance(x.toArray(), expected.x[k] ?? []);
            t.ok(d <= allowed, `x[${k}], ${dtype}, rank ${rank}: ${d}`);
          });
        }
      }
    }
  });
}

test('when some columns take part, then what lies between and around them keeps its bits', (t) => {
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
    const base = to(floatTensor(numbers(4)(9 * 90), [9, 90]), 'cpu', dtype);
    const before = clone(base);
    const none = zeros([0]);
    const index = [longTensor([0, 5, 16, 17, 69], [5])];
    const group = [longTensor([0, 0, 0, 0, 0], [5])];
    const x = [slice(base, 1, 10, 80, 1)];
    step(
      { x, loraB: [none], loraA: [none], moments: [], axis: [1], index, group },
      { scale: 0, groups: 1, remaining: 2 },
    );
    const chosen = new Set([10, 15, 26, 27, 79]);
    const was = before.toArray();
    const kept = base.toArray().every((v, i) => v === (chosen.has(i % 90) ? 0.5 : 1) * was[i]!);
    t.ok(kept, dtype);
  }
});

test('when a column is listed twice, then it is refused and nothing was written', (t) => {
  const { list } = slicesOf(mixed(8).matrices.slice(2, 3), 'float32', true);
  const before = bytes(list.x);
  const twice = { ...list, index: [longTensor([4, 9, 4], [3])] };
  t.throws(() => step(twice, { scale: 1, groups: 5, remaining: 2 }), {
    message: /lists column 4 of x\[0\] a second time/,
  });
  t.equal(bytes(list.x), before);
});

test('when every column is a group of its own, then each is told apart: which is zero now, and which is not', (t) => {
  const random = numbers(70);
  const [rows, columns] = [9, 70];
  const matrix: PlainMatrix = {
    ...{ shape: [rows, columns], rank: 8, axis: 1, index: range(0, columns) },
    group: range(0, columns).reverse(),
    x: random(rows * columns),
    b: random(rows * 8).map((v) => 0.3 * v),
    a: random(8 * columns),
  };
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
    for (const remaining of [2, 1]) {
      const o = { scale: 2, groups: columns, remaining, epsilon: 0.5 };
      const { list, plain } = slicesOf([matrix], dtype, true);
      const expected = plainProjection(plain, o);
      const flags = step(list, o)
        .toArray()
        .filter((_, i) => i % 2 === 1);
      const wrong = flags.filter((flag, g) => (flag === 1) !== expected.zero[g]);
      t.equal(wrong.length, 0, `${dtype}, ${remaining} left`);
      const zeros = expected.zero.filter(Boolean).length;
      t.ok(remaining === 1 ? zeros === columns : zeros > 5 && zeros < columns - 5, `${zeros} zero`);
    }
  }
});
