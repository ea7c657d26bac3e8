// The decoder's own operators against their definitions in double, for every type, odd sizes and strides.
import { noGrad } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import {
  fusedLinear,
  fusedRmsNorm,
  fusedRotate,
  gatedSilu,
  mayFuse,
} from '../../lib/tensor/fused.js';
import { op, withRecorder } from '../../lib/tensor/op.js';
import { select, slice, to, transpose } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

const references = {
  linear: op('lorashear::linear_reference(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor'),
  rmsNorm: op('lorashear::rms_norm_reference(Tensor x, Tensor weight, float eps) -> Tensor'),
  gatedSilu: op('lorashear::gated_silu_reference(Tensor gate, Tensor up) -> Tensor'),
  rotate: op('lorashear::rotate_reference(Tensor x, Tensor cos, Tensor sin) -> Tensor'),
};

const dtypes = ['float32', 'bfloat16', 'float16', 'float64'] as const satisfies DType[];
/** One rounding of the result, and in float32 some of the sums. */
const near = { float32: 2e-6, bfloat16: 5e-3, float16: 7e-4, float64: 1e-12 };

let seed = 1;
const random = (shape: readonly number[], dtype: DType, by = 4): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return to(
    floatTensor(
      randomNumbers(seed++, size).map((x) => by * x),
      shape,
    ),
    'cpu',
    dtype,
  );
};
const gap = (a: Tensor, b: Tensor): number => distance(a.toArray(), b.toArray());

for (const dtype of dtypes) {
  test(`when rows of ${dtype} are normalised, then w·x/√(mean(x²) + ε) of each`, (t) => {
    for (const [rows, n] of [
      [3, 1],
      [2, 37],
      [300, 512],
    ] as const) {
      const [x, w] = [random([rows, n], dtype), random([n], dtype)];
      t.ok(gap(fusedRmsNorm(x, w, 1e-3), references.rmsNorm(x, w, 1e-3)) < near[dtype], `${n}`);
      const turned = transpose(random([n, rows], dtype), 0, 1);
      t.ok(gap(fusedRmsNorm(turned, w, 0.1), references.rmsNorm(turned, w, 0.1)) < near[dtype]);
    }
  });

  test(`when a gate of ${dtype} meets what it gates, then silu(gate)·up`, (t) => {
    const wide = random([5, 40, 74], dtype, 30);
    const halves = [slice(wide, -1, 0, 37), slice(wide, -1, 37, 74)] as const;
    t.ok(gap(gatedSilu(...halves), references.gatedSilu(...halves)) < 4 * near[dtype]);
    const far = to(floatTensor([-1e4, -90, 0, 90, 1e4], [5]), 'cpu', dtype);
    const one = to(floatTensor([1, 1, 1, 1, 1], [5]), 'cpu', dtype);
    t.ok(gap(gatedSilu(far, one), references.gatedSilu(far, one)) <= 1e4 * near[dtype]);
  });

  test(`when heads of ${dtype} are turned, then as by definition, wherever they lie`, (t) => {
    for (const [D, R] of [
      [64, 64],
      [20, 20],
      [24, 10],
    ] as const) {
      const x = transpose(random([2, 7, 3, D], dtype), 1, 2); // (B, H, T, D)
      for (const table of [
        [7, R],
        [2, 1, 7, R],
      ]) {
        const [cos, sin] = [random(table, dtype), random(table, dtype)];
        t.ok(gap(fusedRotate(x, cos, sin), references.rotate(x, cos, sin)) < 2 * near[dtype]);
      }
    }
  });

  test(`when few or many rows of ${dtype} meet a matrix, then x·Wᵀ + b`, (t) => {
    for (const [out, n] of [
      [7, 5],
      [30, 100],
      [513, 256],
    ] as const) {
      const [w, b] = [random([out, n], dtype, 1), random([out], dtype, 1)];
      for (const rows of [1, 2, 3, 4, 5, 8, 13, 16, 40]) {
        const x = random([rows, n], dtype, 1);
        for (const bias of [null, b]) {
          const expected = references.linear(x, w, bias);
          const error = gap(fusedLinear(x, w, bias), expected);
          t.ok(error < 8 * near[dtype], `${rows}×${n}×${out}: ${error}`);
          if (dtype === 'float64') continue;
          t.ok(gap(fusedLinear(x, w, bias, 'rows'), expected) < 8 * near[dtype], `${rows} rows`);
        }
      }
      const column = select(random([1, n, 2], dtype, 1), -1, 0); // not dense
      t.ok(gap(fusedLinear(column, w, null), references.linear(column, w)) < 8 * near[dtype]);
    }
  });
}

test('when oneDNN or libtorch multiplies float32, then the product is the same', (t) => {
  const [x, w, b] = [
    random([20, 96], 'float32'),
    random([33, 96], 'float32'),
    random([33], 'float32'),
  ];
  for (const by of ['onednn', 'aten'] as const) {
    const error = gap(fusedLinear(x, w, b, by), references.linear(x, w, b));
    t.ok(error < 1e-4, `${by}: ${error}`);
    const turned = transpose(random([96, 33], 'float32'), 0, 1);
    const gapTurned = gap(fusedLinear(x, turned, b, by), references.linear(x, turned, b));
    t.ok(gapTurned < 1e-4, `${by}, transposed: ${gapTurned}`);
  }
});

test('when shapes do not fit, then it says so', (t) => {
  const x = random([2, 3, 4, 6], 'float32');
  t.throws(() => fusedRmsNorm(x, random([5], 'float32'), 1e-5), { code: 'TENSOR_OP_FAILED' });
  t.throws(() => gatedSilu(x, random([6], 'float32')), { code: 'TENSOR_OP_FAILED' });
  t.throws(() => fusedRotate(x, random([3, 6], 'float32'), random([3, 6], 'float32')), {
    code: 'TENSOR_OP_FAILED',
  });
  for (const rows of [2, 24, 200]) {
    const [x, w] = [random([rows, 6], 'float32'), random([9, 6], 'float32')];
    t.throws(() => fusedLinear(x, random([2, 5], 'float32'), null), { code: 'TENSOR_OP_FAILED' });
    t.throws(() => fusedLinear(x, w, random([8], 'float32')), { code: 'TENSOR_OP_FAILED' });
  }
});

test('when a graph is recorded, then nothing is fused', (t) => {
  t.ok(mayFuse());
  t.notOk(noGrad(() => withRecorder({ record: () => undefined }, mayFuse)));
});
