// Gradients of the decoder's own operators against those of the formulas in float64, by libtorch.
import { backward } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import {
  addRmsNorm,
  fusedLinear,
  fusedRmsNorm,
  fusedRotate,
  gatedSilu,
} from '../../lib/tensor/fused.js';
import {
  add,
  cat,
  clone,
  contiguous,
  linear,
  mul,
  neg,
  rmsNorm,
  silu,
  slice,
  sumAll,
  to,
  transpose,
} from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

/** One rounding of what is given back, and in float32 some of the sums. */
const near = { float32: 3e-6, bfloat16: 6e-3, float16: 8e-4, float64: 1e-12 } as const;

let seed = 1;
const random = (shape: readonly number[], dtype: DType, by = 4): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = randomNumbers(seed++, size).map((x) => by * x);
  return to(floatTensor(values, shape), 'cpu', dtype);
};

type Formula = (leaves: Tensor[]) => Tensor[];

/** What `formula` makes, and the gradients of its leaves from random ones of its outputs. */
function results(formula: Formula, given: readonly Tensor[], dtype: DType, first: number) {
  const leaves = given.map((x) => clone(to(x, 'cpu', dtype)));
  for (const leaf of leaves) leaf.requiresGrad = true;
  const outputs = formula(leaves);
  const towards = outputs.map((y, i) => {
    seed = first + i;
    return to(random(y.shape, given[0]?.dtype ?? dtype), 'cpu', dtype);
  });
  backward(outputs.map((y, i) => sumAll(mul(y, towards[i] as Tensor))).reduce((a, b) => add(a, b)));
  return [...outputs, ...leaves.map((leaf) => leaf.grad as Tensor)].map((x) =>
    to(x, 'cpu', 'float64').toArray(),
  );
}

interface Check {
  readonly what: string;
  readonly leaves: readonly Tensor[];
  readonly fused: Formula;
  /** Computes in the type of its leaves. */
  readonly plain: Formula;
}

/** The largest of the distances of values and gradients. */
function gapOf({ leaves, fused, plain }: Check): number {
  const first = (seed += 10);
  const found = results(fused, leaves, leaves[0]?.dtype ?? 'float32', first);
  const exact = results(plain, leaves, 'float64', first);
  return Math.max(...found.map((values, i) => distance(values, exact[i] ?? [])));
}

const at = (leaves: readonly Tensor[], i: number): Tensor => leaves[i] as Tensor;
const wide = (x: Tensor): Tensor => to(x, 'cpu', 'float64');

function* norms(dtype: DType): Generator<Check> {
  for (const [rows, n] of [
    [3, 1],
    [2, 37],
    [130, 600],
  ] as const) {
    const norm = (x: Tensor, w: Tensor): Tensor => rmsNorm(x, [n], w, 1);
    yield {
      what: `the norm of ${rows}×${n}`,
      leaves: [random([rows, n], dtype), random([n], dtype)],
      fused: (l) => [fusedRmsNorm(at(l, 0), at(l, 1), 1)],
      plain: (l) => [norm(at(l, 0), at(l, 1))],
    };
    yield {
      what: `the norm of the columns of ${n}×${rows}`,
      leaves: [random([n, rows], dtype), random([n], dtype)],
      fused: (l) => [fusedRmsNorm(transpose(at(l, 0), 0, 1), at(l, 1), 1)],
      plain: (l) => [norm(transpose(at(l, 0), 0, 1), at(l, 1))],
    };
    const addends = [random([rows, n], dtype), random([rows, n], dtype), random([n], dtype)];
    const sum = (l: readonly Tensor[]): Tensor => add(at(l, 0), at(l, 1));
    // A sum of half types is rounded before it is normalised; exact addends leave nothing to round.
    const leaves = dtype === 'float32' || dtype === 'float64' ? addends : exactAddends(addends);
    yield {
      what: `a sum of ${rows}×${n} and its norm`,
      leaves,
      fused: (l) => addRmsNorm(at(l, 0), at(l, 1), at(l, 2), 1),
      plain: (l) => [sum(l), norm(sum(l), at(l, 2))],
    };
    yield {
      what: `the norm of a sum of ${rows}×${n}`,
      leaves,
      fused: (l) => addRmsNorm(at(l, 0), at(l, 1), at(l, 2), 1).slice(1),
      plain: (l) => [norm(sum(l), at(l, 2))],
    };
  }
}

/** Eighths: their sums need no more bits than bf16 has. */
const exactAddends = ([x, y, w]: readonly Tensor[]): Tensor[] => [
  ...[x, y].map((t) => {
    const values = (t as Tensor).toArray().map((v) => Math.round(v * 8) / 8);
    return to(floatTensor(values, (t as Tensor).shape), 'cpu', (t as Tensor).dtype);
  }),
  w as Tensor,
];

function* gates(dtype: DType): Generator<Check> {
  yield {
    what: 'halves of one tensor',
    leaves: [random([5, 40, 74], dtype, 16)],
    fused: ([x]) => [gatedSilu(slice(x as Tensor, -1, 0, 37), slice(x as Tensor, -1, 37, 74))],
    plain: ([x]) => [mul(silu(slice(x as Tensor, -1, 0, 37)), slice(x as Tensor, -1, 37, 74))],
  };
  const far = to(floatTensor([-1e4, -90, -20, 0, 20, 90, 1e4], [7]), 'cpu', dtype);
  yield {
    what: 'gates far from 0',
    leaves: [far, random([7], dtype)],
    fused: (l) => [gatedSilu(at(l, 0), at(l, 1))],
    plain: (l) => [mul(silu(at(l, 0)), at(l, 1))],
  };
}

function* rotations(dtype: DType): Generator<Check> {
  for (const [D, R] of [
    [64, 64],
    [20, 20],
    [24, 10],
  ] as const) {
    for (const table of [
      [7, R],
      [2, 1, 7, R],
    ]) {
      const [cos, sin] = [random(table, dtype), random(table, dtype)];
      const rotated = (x: Tensor): Tensor => {
        const [x1, x2, rest] = [slice(x, -1, 0, R / 2), slice(x, -1, R / 2, R), slice(x, -1, R, D)];
        const turned = cat([neg(x2), x1], -1);
        const first = add(mul(slice(x, -1, 0, R), wide(cos)), mul(turned, wide(sin)));
        return R < D ? cat([first, rest], -1) : first;
      };
      yield {
        what: `heads of ${D} turned in ${R} by ${table.join('×')}, behind one another`,
        leaves: [random([2, 7, 3, D], dtype)],
        fused: ([x]) => [fusedRotate(transpose(x as Tensor, 1, 2), cos, sin)],
        plain: ([x]) => [rotated(transpose(x as Tensor, 1, 2))],
      };
      yield {
        what: `heads of ${D} turned in ${R} by ${table.join('×')}, apart`,
        leaves: [random([2, 3, 7, D], dtype)],
        fused: ([x]) => [fusedRotate(x as Tensor, cos, sin)],
        plain: ([x]) => [rotated(x as Tensor)],
      };
    }
  }
}

function* layers(dtype: DType): Generator<Check> {
  for (const rows of [3, 30, 100]) {
    const [w, b] = [random([50, 40], dtype, 0.5), random([50], dtype)];
    const turned = transpose(contiguous(transpose(w, 0, 1)), 0, 1);
    for (const [how, matrix] of Object.entries({ 'as rows': w, 'as columns': turned })) {
      yield {
        what: `${rows} rows and a frozen matrix that lies ${how}`,
        leaves: [random([rows, 40], dtype)],
        fused: ([x]) => [fusedLinear(x as Tensor, matrix, b)],
        plain: ([x]) => [linear(x as Tensor, wide(w), wide(b))],
      };
    }
    yield {
      what: `${rows} rows and a matrix that learns, with its bias`,
      leaves: [random([rows, 40], dtype), w, b],
      fused: (l) => [fusedLinear(at(l, 0), at(l, 1), at(l, 2))],
      plain: (l) => [linear(at(l, 0), at(l, 1), at(l, 2))],
    };
  }
}

for (const dtype of ['float32', 'bfloat16', 'float16', 'float64'] as const) {
  for (const [what, checks] of Object.entries({ norms, gates, rotations, layers })) {
    test(`when ${what} of ${dtype} are learned through, then the gradients are the formula's`, (t) => {
      for (const check of checks(dtype)) {
        const gap = gapOf(check);
        t.ok(gap < near[dtype], `${check.what}: ${gap}`);
      }
    });
  }
}

test('when only the norm’s weight learns, then it gets its gradient, and x none', (t) => {
  const [x, w] = [random([9, 21], 'float32'), random([21], 'float32')];
  w.requiresGrad = true;
  backward(sumAll(fusedRmsNorm(x, w, 1)));
  const found = (w.grad as Tensor).toArray();
  const again = clone(wide(w));
  const leaf = floatTensor(again.toArray(), [21]);
  leaf.requiresGrad = true;
  backward(sumAll(rmsNorm(wide(x), [21], wide(leaf), 1)));
  t.ok(distance(found, (leaf.grad as Tensor).toArray()) < near.float32);
  t.equal(x.grad, null);
});

test('when an addend does not fit, then it says so', (t) => {
  const [x, w] = [random([2, 6], 'float32'), random([6], 'float32')];
  t.throws(() => addRmsNorm(x, random([1, 6], 'float32'), w, 0.1), { code: 'TENSOR_OP_FAILED' });
  t.throws(() => addRmsNorm(x, random([2, 6], 'bfloat16'), w, 0.1), { code: 'TENSOR_OP_FAILED' });
});
