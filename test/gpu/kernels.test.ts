// Our own operators on the device, against the equations in float64 and against our CPU kernels.
import type { DType } from '../../lib/tensor/dtype.js';
import { groupStatistics } from '../../lib/tensor/kernels.js';
import { zeros } from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { gpu, kernelTest as test } from '../fixtures/gpu.js';
import {
  numbers,
  plainProjection,
  plainStatistics,
  type PlainMatrix,
} from '../fixtures/half_space.js';
import {
  blocks,
  bytes,
  distance,
  range,
  slicesOf,
  step,
  transposedViews,
} from '../fixtures/slices.js';

// Half a unit in the last place of the storage, and float32's own sums in another order than the CPU's.
const tolerance = { float32: 4e-6, bfloat16: 2 ** -8 + 4e-6, float16: 2 ** -11 + 4e-6 } as const;
const dtypes = Object.keys(tolerance) as (keyof typeof tolerance)[];

/** Ranks and hidden sizes: with and without loads of four elements at once. */
const sizes = [
  [1, 1],
  [3, 431],
  [8, 432],
  [17, 433],
  [64, 436],
] as const;

/** One matrix of which every slice takes part, two slices a group. */
function whole(shape: [number, number], rank: number, axis: 0 | 1): PlainMatrix {
  const random = numbers(shape[0] + axis);
  const index = range(0, shape[axis]);
  return {
    ...{ shape, rank, axis, index, group: index.map((i) => Math.floor(i / 2)) },
    x: random(shape[0] * shape[1]),
    b: random(shape[0] * rank).map((v) => 0.1 * v),
    a: random(rank * shape[1]),
  };
}

for (const dtype of dtypes) {
  for (const [rank, hidden] of sizes) {
    test(`when heads, rows and columns of ${dtype} have rank ${rank} and hidden ${hidden}, then float64 agrees`, (t) => {
      const { matrices, groups } = blocks(rank, hidden);
      const pull = range(0, groups).map((g) => 4 * g);
      for (const o of [
        { scale: 2, groups, remaining: 3 },
        { scale: 0, groups, remaining: 2 },
        { scale: 0.5, groups, remaining: 9, pull, epsilon: 0.4 },
        { scale: 1, groups, remaining: 1 },
      ]) {
        const { list, plain } = slicesOf(matrices, dtype, true, gpu);
        const sums = groupStatistics(list, o);
        t.ok(sums.device.startsWith(gpu));
        const measured = sums.toArray();
        plainStatistics(plain, o).forEach(([xx, xu, uu], g) => {
          const size = [xx, Math.sqrt(xx * uu), uu]; // ⟨x,u⟩ is known relative to ‖x‖‖u‖
          const gaps = [xx, xu, uu].map((want, i) => Math.abs((measured[3 * g + i] ?? NaN) - want));
          t.ok(
            gaps.every((gap, i) => gap <= 4e-6 * (size[i] ?? 0)),
            `sums of group ${g}`,
          );
        });
        const expected = plainProjection(plain, o);
        const want = expected.norm.flatMap((n, g) => [n, expected.zero[g] ? 1 : 0]);
        t.ok(distance(step(list, o).toArray(), want) < 4e-6, 'norms and flags');
        list.x.forEach((x, k) => {
          t.ok(distance(x.toArray(), expected.x[k] ?? []) <= tolerance[dtype], `x[${k}]`);
        });
      }
    });
  }

  test(`when every row or column of a large ${dtype} matrix takes part, then float64 agrees`, (t) => {
    for (const axis of [0, 1] as const) {
      const m = whole([517, 1030], 8, axis);
      const groups = Math.ceil(m.index.length / 2);
      const o = { scale: 2, groups, remaining: 5, epsilon: 0.7 };
      const { list, plain } = slicesOf([m], dtype, true, gpu);
      const expected = plainProjection(plain, o);
      const result = step(list, o).toArray();
      t.ok(
        distance(
          result.filter((_, i) => i % 2 === 0),
          expected.norm,
        ) < 4e-6,
      );
      // A group at the very edge of the half-space may fall on either side.
      const flags = result.filter((_, i) => i % 2 === 1);
      const others = flags.filter((flag, g) => (flag === 1) !== expected.zero[g]).length;
      t.ok(others <= 1, `${others} of ${groups} groups fell on the other side`);
      if (others === 0) {
        t.ok(
          distance(list.x[0]!.toArray(), expected.x[0] ?? []) <= tolerance[dtype],
          `axis ${axis}`,
        );
      }
    }
  });

  test(`when ${dtype} is stepped again and again from the same start, then every bit is the same`, (t) => {
    const { matrices, groups } = blocks(17, 1031);
    const o = { scale: 2, groups, remaining: 5, epsilon: 0.85 };
    const runs = range(0, 4).map(() => {
      const { list } = slicesOf(matrices, dtype, true, gpu);
      const results = [groupStatistics(list, o), step(list, o)];
      return bytes([...results, ...list.x, ...list.loraB, ...list.loraA, ...list.moments]);
    });
    t.equal(new Set(runs).size, 1);
  });

  test(`when a step of ${dtype} is done, then factors and moments hold the CPU's bits`, (t) => {
    const { matrices, groups } = blocks(5, 213);
    const o = { scale: 1, groups, remaining: 20 };
    const here = slicesOf(matrices, dtype, true, gpu).list;
    const there = slicesOf(matrices, dtype, true).list;
    t.ok(distance(step(here, o).toArray(), step(there, o).toArray()) < 4e-6);
    for (const name of ['loraB', 'loraA', 'moments'] as const) {
      t.equal(bytes(here[name]), bytes(there[name]), name);
    }
  });
}

test('when no step is left, then chosen slices are exactly +0 and the others untouched', (t) => {
  const { matrices, groups } = blocks(8, 33);
  const { list, plain } = slicesOf(matrices, 'bfloat16', true, gpu);
  step(list, { scale: 1, groups, remaining: 1 });
  list.x.forEach((x, k) => {
    const m = plain[k] as PlainMatrix;
    const columns = m.shape[1] ?? 1;
    const isRight = x.toArray().every((v, i) => {
      const line = m.axis === 0 ? Math.floor(i / columns) : i % columns;
      return m.index.includes(line) ? Object.is(v, 0) : v === m.x[i];
    });
    t.ok(isRight, `x[${k}]`);
  });
});

test('when a matrix is a transposed view, then its rows are stepped in place like any others', (t) => {
  const { matrices, groups } = blocks(8, 300);
  const o = { scale: 2, groups, remaining: 4 };
  const { list } = slicesOf(matrices, 'float32', false, gpu);
  const views = transposedViews(list);
  t.ok(distance(step(views, o).toArray(), step(list, o).toArray()) < 4e-6);
  list.x.forEach((x, k) => {
    t.ok(distance(views.x[k]?.toArray() ?? [], x.toArray()) < 4e-6, `x[${k}]`);
  });
});

test('when arguments are on two devices or of a type that is not served, then the error is typed', (t) => {
  const failed = { code: 'TENSOR_OP_FAILED' };
  const { matrices, groups } = blocks(3, 21);
  const { list } = slicesOf(matrices, 'float32', false, gpu);
  const o = { scale: 1, groups, remaining: 2 };
  const before = bytes(list.x);
  if (gpu !== 'cpu') {
    const index = list.index.map((_, k) => longTensorOn('cpu', matrices[k]?.index ?? []));
    t.throws(() => step({ ...list, index }, o), failed);
    const wide: DType = 'float64';
    t.throws(() => step(slicesOf(matrices, wide, false, gpu).list, o), {
      ...failed,
      message: /CPU only/,
    });
  }
  t.throws(() => step({ ...list, axis: list.axis.slice(1) }, o), failed);
  t.throws(() => step({ ...list, x: [zeros([1, 1], 'float32', gpu)] }, o), failed);
  t.equal(bytes(list.x), before, 'nothing was written');
});
