import t from 'tap';
import type { InputStatistics } from '../../lib/calibration/input_statistics.js';
import { fitInputs, transferOf, transferShare } from '../../lib/lhspg/transfer.js';
import { Linear } from '../../lib/nn/linear.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { indexFill_ } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor, longTensor, tensorFrom } from '../../lib/tensor/tensor.js';
import {
  type Matrix,
  apart,
  matrixOf,
  pick,
  plus,
  product,
  ridged,
  solved,
  transposed,
} from '../fixtures/plain_algebra.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const features = 9;
const outputs = 5;
const redundant = [1, 2, 6];
const gone = new Set([4]);
const staying = [0, 3, 5, 7, 8];

/** Inputs whose redundant features partly follow from the others. */
function inputs(rows = 60): Matrix {
  const noise = randomNumbers(5, rows * features);
  return Array.from({ length: rows }, (_, i) => {
    const x = Array.from(noise.slice(i * features, (i + 1) * features));
    x[1] = 0.7 * (x[0] as number) - 0.4 * (x[8] as number) + 0.2 * (x[1] as number);
    x[6] = (x[3] as number) + 0.1 * (x[6] as number);
    x[4] = 0;
    return x;
  });
}

function statisticsOf(rows: Matrix): InputStatistics {
  const gram = product(transposed(rows), rows);
  return {
    gram: tensorFrom(Float64Array.from(gram.flat()), 'float64', [features, features]),
    sum: tensorFrom(new Float64Array(features), 'float64', [features]),
    count: rows.length,
  };
}

function linearWithLora(): Linear {
  const random = (seed: number, shape: number[]) =>
    keep(
      floatTensor(
        randomNumbers(
          seed,
          shape.reduce((a, b) => a * b),
        ),
        shape,
      ),
    );
  const linear = new Linear((_, shape) => random(1, [...shape]), features, outputs);
  linear.lora = { A: random(2, [2, features]), B: random(3, [outputs, 2]), scale: 2 };
  return linear;
}

const effective = ({ weight, lora }: Linear): Matrix =>
  lora
    ? plus(matrixOf(weight), product(matrixOf(lora.B), matrixOf(lora.A)), lora.scale)
    : matrixOf(weight);

t.test(
  'when a transfer is fitted, then it solves the regularised least squares and frees what it made',
  (t) => {
    const rows = inputs();
    const statistics = statisticsOf(rows);
    const before = tensorCount();
    const transfer = fitInputs(statistics, redundant, gone);
    t.equal(tensorCount(), before + 1, 'only the coefficients live on');
    t.strictSame(transfer.staying, staying);
    t.strictSame(transfer.redundant, redundant);

    const H = ridged(product(transposed(rows), rows));
    const expected = solved(pick(H, staying, staying), pick(H, staying, redundant));
    t.ok(apart(matrixOf(transfer.coefficients), expected) < 1e-9);

    // no other coefficients do better: the gradient of the objective is zero, and no step lowers it
    const C = matrixOf(transfer.coefficients);
    const mu = (H[0]?.[0] ?? NaN) - rows.reduce((sum, x) => sum + (x[0] as number) ** 2, 0);
    const objective = (c: Matrix): number => {
      const rest = plus(pick(rows, null, redundant), product(pick(rows, null, staying), c), -1);
      return (
        [...rest.flat()].reduce((s, x) => s + x * x, 0) +
        mu * c.flat().reduce((s, x) => s + x * x, 0)
      );
    };
    const least = objective(C);
    for (let seed = 1; seed < 6; seed++) {
      const noise = Array.from(randomNumbers(seed, 15));
      const step = C.map((_, i) => noise.slice(i * 3, i * 3 + 3));
      t.ok(objective(plus(C, step, 0.01)) > least);
      t.ok(objective(plus(C, step, -0.01)) > least);
    }
    transfer.coefficients.dispose();
    statistics.gram.dispose();
    statistics.sum.dispose();
    t.end();
  },
);

t.test(
  'when all is transferred and the redundant is zeroed, then the output changes by what could not be told',
  (t) => {
    const rows = inputs();
    const statistics = statisticsOf(rows);
    const linear = linearWithLora();
    const dense = effective(linear);
    const fit = fitInputs(statistics, redundant, gone);
    const C = matrixOf(fit.coefficients);
    const before = tensorCount();
    const transfer = transferOf('x', linear, fit);
    t.equal(tensorCount(), before + 1);
    transferShare(linear, transfer, 1);
    noGrad(() => {
      scoped(() => {
        const index = longTensor(redundant, [redundant.length]);
        indexFill_(linear.weight, 1, index, 0);
        if (linear.lora) indexFill_(linear.lora.A, 1, index, 0);
      });
    });
    // y' = y − W_R·(x_R − Cᵀ·x_S), LoRA included
    const untold = plus(pick(rows, null, redundant), product(pick(rows, null, staying), C), -1);
    const expected = plus(
      product(rows, transposed(dense)),
      product(untold, transposed(pick(dense, null, redundant))),
      -1,
    );
    const x = floatTensor(rows.flat(), [rows.length, features]);
    const y = noGrad(() => linear.forward(x));
    t.ok(apart(matrixOf(y), expected) < 1e-5);
    t.ok(apart(product(rows, transposed(dense)), expected) > 0.1, 'and it did change');
    for (const tensor of [x, y, fit.coefficients, transfer.told, statistics.gram, statistics.sum])
      tensor.dispose();
    linear.dispose();
    t.end();
  },
);

t.test('when shares add up to one, then they say what one step says', (t) => {
  const statistics = statisticsOf(inputs());
  const [once, often] = [linearWithLora(), linearWithLora()];
  const fit = fitInputs(statistics, redundant, gone);
  const transfer = transferOf('x', once, fit);
  const untouched = matrixOf(once.weight);
  transferShare(once, transfer, 1);
  for (const share of [0.5, 0.125, 0.125, 0.25]) transferShare(often, transfer, share);
  const [a, b] = [matrixOf(once.weight), matrixOf(often.weight)];
  t.ok(apart(a, b) < 1e-6);
  t.ok(apart(a, untouched) > 0.01);
  for (const fixed of [redundant, [...gone]]) {
    t.strictSame(
      pick(a, null, fixed),
      pick(untouched, null, fixed),
      'only staying inputs take over',
    );
  }
  for (const tensor of [fit.coefficients, transfer.told, statistics.gram, statistics.sum])
    tensor.dispose();
  for (const linear of [once, often]) linear.dispose();
  t.end();
});
