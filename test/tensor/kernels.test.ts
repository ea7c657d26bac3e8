// Our own operators against their references, against float64 from the equations, and against a PyTorch fixture.
import { readFileSync } from 'node:fs';
import { native } from '../../lib/native/load.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { groupStatistics } from '../../lib/tensor/kernels.js';
import { op } from '../../lib/tensor/op.js';
import { empty, to } from '../../lib/tensor/ops.js';
import { floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import {
  numbers,
  plainProjection,
  plainStatistics,
  type PlainMatrix,
  type PlainStep,
} from '../fixtures/half_space.js';
import {
  blocks,
  bytes,
  distance,
  range,
  slicesOf,
  step,
  test,
  transposedViews,
} from '../fixtures/slices.js';

interface FixtureCase extends Required<PlainStep> {
  readonly matrices: PlainMatrix[];
  readonly statistics: number[];
  readonly result: number[];
  readonly after: { x: number[]; b: number[]; a: number[] }[];
}

const referenceStep = op(
  'lorashear::half_space_projection_reference(Tensor(a!)[] x, Tensor(b!)[] lora_b, Tensor(c!)[] lora_a, Tensor(d!)[] moments, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups, int remaining, Tensor? pull=None, float epsilon=0.0) -> Tensor',
);
const referenceStatistics = op(
  'lorashear::group_statistics_reference(Tensor[] x, Tensor[] lora_b, Tensor[] lora_a, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups) -> Tensor',
);

test('when PyTorch in float64 made the expected values, then fp32 agrees to rounding', (t) => {
  const path = new URL('../../../test/fixtures/kernels.json', import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as FixtureCase[];
  t.ok(cases.length >= 5);
  for (const c of cases) {
    const { list } = slicesOf(c.matrices, 'float32');
    t.ok(distance(groupStatistics(list, c).toArray(), c.statistics) < 1e-6);
    t.ok(distance(step(list, c).toArray(), c.result) < 1e-6);
    c.after.forEach((after, k) => {
      t.ok(distance(list.x[k]?.toArray() ?? [], after.x) < 1e-6, `x[${k}]`);
      t.same(list.loraB[k]?.toArray(), after.b, `B of ${k}`);
      t.same(list.loraA[k]?.toArray(), after.a, `A of ${k}`);
    });
  }
});

// Half a unit in the last place of the storage, and fp32's own sums where the storage is wider.
const tolerance: Partial<Record<DType, number>> = {
  float64: 1e-13,
  float32: 1e-6,
  bfloat16: 2 ** -8,
  float16: 2 ** -11 + 1e-6,
};

for (const [dtype, allowed] of Object.entries(tolerance) as [DType, number][]) {
  test(`when shapes are odd and ${dtype} is stored, then the equations in float64 agree`, (t) => {
    for (const rank of [3, 8, 17]) {
      const { matrices, groups } = blocks(rank);
      const pull = range(0, groups).map((g) => 4 * g);
      for (const o of [
        { scale: 2, groups, remaining: 3 },
        { scale: 0.5, groups, remaining: 9, pull, epsilon: 0.4 },
      ]) {
        const { list, plain } = slicesOf(matrices, dtype, true);
        const statistics = plainStatistics(plain, o);
        const measured = groupStatistics(list, o).toArray();
        statistics.forEach(([xx, xu, uu], g) => {
          const got = measured.slice(3 * g, 3 * g + 3);
          const size = [xx, Math.sqrt(xx * uu), uu]; // ⟨x,u⟩ is known relative to ‖x‖‖u‖
          [xx, xu, uu].forEach((want, i) => {
            t.ok(
              Math.abs((got[i] ?? NaN) - want) <= 2e-6 * (size[i] ?? 0),
              `sum ${i} of group ${g}`,
            );
          });
        });
        const expected = plainProjection(plain, o);
        const result = step(list, o).toArray();
        const want = expected.norm.flatMap((n, g) => [n, expected.zero[g] ? 1 : 0]);
        t.ok(distance(result, want) < 1e-6, 'norms and flags');
        t.ok(expected.zero.includes(true) || o.remaining === 3, 'pull and epsilon end some groups');
        list.x.forEach((x, k) => {
          t.ok(distance(x.toArray(), expected.x[k] ?? []) <= allowed, `x[${k}] of rank ${rank}`);
        });
      }
    }
  });
}

test('when bfloat16 would hold a subnormal, then it holds 0', (t) => {
  for (const length of [16, 37]) {
    const values = range(0, length).map((i) => (i === 3 ? 1 : 1.5e-38));
    const x = to(floatTensor(values, [1, length]), 'cpu', 'bfloat16');
    const none = empty([0]);
    const index = [longTensor([0], [1])];
    const list = {
      x: [x],
      loraB: [none],
      loraA: [none],
      moments: [],
      axis: [0],
      index,
      group: index,
    };
    step(list, { scale: 0, groups: 1, remaining: 5 });
    t.ok(
      x.toArray().every((value) => value > 1.17e-38),
      '1.2e-38 is still normal',
    );
    step(list, { scale: 0, groups: 1, remaining: 4 });
    t.same(
      x.toArray().map((value) => value === 0),
      values.map((value) => value < 1),
    );
  }
});

test('when the plain reference does the same step, then every tensor it leaves agrees', (t) => {
  const { matrices, groups } = blocks(8);
  const o = { scale: 2, groups, remaining: 4, epsilon: 0.5 };
  const fast = slicesOf(matrices, 'float32', true).list;
  const slow = slicesOf(matrices, 'float32', true).list;
  const lists = [slow.x, slow.loraB, slow.loraA, slow.moments, slow.index, slow.group, slow.axis];
  const sums = referenceStatistics(...[...lists.slice(0, 3), ...lists.slice(4)], 2, groups);
  // Four accumulators and no fused multiply-add on a processor without AVX2.
  const allowed = 4e-6;
  t.ok(distance(groupStatistics(fast, o).toArray(), sums.toArray()) < allowed);
  const want = referenceStep(...lists, o.scale, groups, o.remaining, null, o.epsilon);
  t.ok(distance(step(fast, o).toArray(), want.toArray()) < allowed);
  fast.x.forEach((x, k) => {
    t.ok(distance(x.toArray(), slow.x[k]?.toArray() ?? []) < allowed);
  });
  for (const name of ['loraB', 'loraA', 'moments'] as const) {
    t.equal(bytes(fast[name]), bytes(slow[name]), name);
  }
});

for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
  test(`when a pull of 0 forbids the single pass, then ${dtype} ends in the same bits`, (t) => {
    for (const rank of [8, 17]) {
      const { matrices, groups } = blocks(rank);
      const one = slicesOf(matrices, dtype, true).list;
      const two = slicesOf(matrices, dtype, true).list;
      const o = { scale: 2, groups, remaining: 4, epsilon: 0.5 };
      const pull = Array<number>(groups).fill(0);
      t.same(step(one, o).toArray(), step(two, { ...o, pull }).toArray());
      for (const name of ['x', 'loraB', 'loraA', 'moments'] as const) {
        t.equal(bytes(one[name]), bytes(two[name]), `${name} at rank ${rank}`);
      }
    }
  });

  test(`when u is left out, then ${dtype} decays linearly to exactly +0`, (t) => {
    const { matrices, groups } = blocks(8, 33);
    const { list, plain } = slicesOf(matrices, dtype, true);
    const steps = 7;
    for (let done = 1; done <= steps; done++) {
      const result = step(list, { scale: 0, groups, remaining: steps - done + 1 }).toArray();
      const factor = (steps - done) / steps;
      list.x.forEach((x, k) => {
        const m = plain[k] as PlainMatrix;
        const chosen = new Set(m.index);
        const columns = m.shape[1] ?? 1;
        const want = m.x.map((v, i) => {
          const line = m.axis === 0 ? Math.floor(i / columns) : i % columns;
          return chosen.has(line) ? v * factor : v;
        });
        t.ok(
          distance(x.toArray(), want) <= 2 * done * (tolerance[dtype] ?? 0),
          `after ${done} steps`,
        );
      });
      t.ok(
        result.every((v, i) => i % 2 === 0 || v === (done === steps ? 1 : 0)),
        'zero at the end only',
      );
    }
    list.x.forEach((x, k) => {
      const m = plain[k] as PlainMatrix;
      const chosen = new Set(m.index);
      const columns = m.shape[1] ?? 1;
      const kept = x.toArray().every((v, i) => {
        const inside = chosen.has(m.axis === 0 ? Math.floor(i / columns) : i % columns);
        return inside ? Object.is(v, 0) : v === m.x[i];
      });
      t.ok(kept, 'zeros are +0 and what was not chosen is untouched');
    });
  });
}

test('when a step is done, then exactly the carriers and their moments are zero', (t) => {
  const { matrices, groups } = blocks(5, 21);
  const { list, plain } = slicesOf(matrices, 'bfloat16', true);
  step(list, { scale: 1, groups, remaining: 20 });
  plain.forEach((m, k) => {
    if (m.rank === 0) return;
    const [carrier, other] =
      m.axis === 0 ? [list.loraB[k], list.loraA[k]] : [list.loraA[k], list.loraB[k]];
    const before = m.axis === 0 ? m.b : m.a;
    const width = m.axis === 0 ? m.rank : (m.shape[1] ?? 1);
    const chosen = new Set(m.index);
    const isZeroed = (i: number): boolean =>
      chosen.has(m.axis === 0 ? Math.floor(i / width) : i % width);
    t.same(
      carrier?.toArray(),
      before.map((v, i) => (isZeroed(i) ? 0 : v)),
    );
    t.same(other?.toArray(), m.axis === 0 ? m.a : m.b, 'the other factor is untouched');
    for (const moment of list.moments.slice(2 * k, 2 * k + 2)) {
      t.same(
        moment.toArray(),
        before.map((_, i) => (isZeroed(i) ? 0 : 1)),
      );
    }
  });
});

test('when one or two threads work, then every bit is the same', (t) => {
  const random = numbers(9);
  const wide = blocks(8);
  // one group of 700 kB, which is streamed, and a matrix of two blocks of 4096 elements
  const rows = range(0, 410);
  const big = (shape: number[], axis: number, index: number[], group: number[]): PlainMatrix => {
    const [m = 0, n = 0] = shape;
    return {
      shape,
      rank: 8,
      axis,
      x: random(m * n),
      b: random(m * 8),
      a: random(8 * n),
      index,
      group,
    };
  };
  const matrices = [
    ...wide.matrices,
    big(
      [410, 431],
      0,
      rows,
      rows.map(() => 8),
    ),
    big([5, 9001], 0, [4, 0], [0, 8]),
    big(
      [300, 90],
      1,
      range(0, 90),
      range(0, 90).map((i) => i % 9),
    ),
  ];
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const runs = [1, 2].map((threads) => {
      native().setThreads(threads);
      const { list } = slicesOf(matrices, dtype, true);
      const o = { scale: 2, groups: 9, remaining: 5, epsilon: 0.85 };
      const results = [groupStatistics(list, o), step(list, o)];
      return bytes([...results, ...list.x, ...list.loraB, ...list.loraA, ...list.moments]);
    });
    t.equal(runs[0], runs[1], dtype);
  }
});

test('when a matrix is a transposed view, then its rows are stepped in place like any others', (t) => {
  const { matrices, groups } = blocks(8, 300);
  const o = { scale: 2, groups, remaining: 4 };
  const { list } = slicesOf(matrices, 'float32');
  const views = transposedViews(list);
  // ⟨x, u⟩ is a hundredth of ‖x‖‖u‖, relative to which it is known.
  t.ok(distance(groupStatistics(views, o).toArray(), groupStatistics(list, o).toArray()) < 3e-6);
  t.ok(distance(step(views, o).toArray(), step(list, o).toArray()) < 1e-6);
  list.x.forEach((x, k) => {
    t.ok(distance(views.x[k]?.toArray() ?? [], x.toArray()) < 1e-6, `x[${k}]`);
    t.same(views.loraB[k]?.toArray(), list.loraB[k]?.toArray());
    t.same(views.loraA[k]?.toArray(), list.loraA[k]?.toArray());
  });
});
