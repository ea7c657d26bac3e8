// The low-rank products of bf16 rows: as exact as those of float32 rows, for all sizes, strides and numbers of threads.
import { native } from '../../lib/native/load.js';
import { op } from '../../lib/tensor/op.js';
import { clone, contiguous, matmul, slice, to, transpose } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

const lowRankIn = op('lorashear::low_rank_in(Tensor x, Tensor basis, float scale) -> Tensor');
const lowRankOut = op(
  'lorashear::low_rank_out(Tensor(a!) y, Tensor coefficients, Tensor basis) -> Tensor(a!)',
);
const lowRankGradient = op(
  'lorashear::low_rank_gradient(Tensor coefficients, Tensor x, bool transposed) -> Tensor',
);

let seed = 1;
const random = (rows: number, columns: number): Tensor =>
  floatTensor(randomNumbers(seed++, rows * columns), [rows, columns]);
const turned = (x: Tensor): Tensor => transpose(x, 0, 1);
const double = (x: Tensor): Tensor => to(x, 'cpu', 'float64');
const numbers = (x: Tensor): number[] => Array.from(double(x).toArray());

/** No farther from float64 than float32 rows of the same values are, relative to the largest value. */
const asExact = (found: Tensor, ofFloat32: Tensor, exact: number[]): boolean =>
  distance(numbers(found), exact) < 1.5 * distance(numbers(ofFloat32), exact) + 2e-7;

const shapes = [
  [1024, 512, 8],
  [160, 1376, 8],
  [257, 256, 16],
  [64, 33, 5],
  [95, 130, 1],
  [81, 77, 12],
  [100, 64, 64],
  [63, 96, 8],
] as const;

test('when rows are bf16, then products with a float32 factor are those of float64', (t) => {
  for (const [rows, n, r] of shapes) {
    const what = `${rows}×${n}, rank ${r}`;
    const x = slice(to(random(rows, n + 7), 'cpu', 'bfloat16'), 1, 3, 3 + n);
    const wide = to(x, 'cpu', 'float32');
    const [basis, coefficients] = [random(r, n), random(rows, r)];
    const across = contiguous(turned(basis));
    const exact = numbers(matmul(double(x), double(across))).map((v) => 2 * v);
    for (const given of [basis, turned(across)]) {
      t.ok(asExact(lowRankIn(x, given, 2), lowRankIn(wide, basis, 2), exact), `in of ${what}`);
    }
    const gradient = matmul(turned(double(coefficients)), double(x));
    const found = lowRankGradient(coefficients, x, false);
    const loops = lowRankGradient(coefficients, wide, false);
    t.ok(asExact(found, loops, numbers(gradient)), `gradient of ${what}`);
    const other = lowRankGradient(coefficients, x, true);
    t.same(other.shape, [n, r]);
    t.same(numbers(turned(other)), numbers(found), `transposed gradient of ${what}`);
  }
});

test('when a product is added to bf16 rows, then the sum is rounded once', (t) => {
  for (const [rows, n, r] of shapes) {
    const y = to(random(rows, n), 'cpu', 'bfloat16');
    const [basis, coefficients] = [random(r, n), random(rows, r)];
    const added = numbers(matmul(double(coefficients), double(basis)));
    const exact = Float64Array.from(numbers(y), (v, i) => v + (added[i] ?? NaN));
    const rounded = numbers(to(floatTensor(exact, [rows, n]), 'cpu', 'bfloat16'));
    for (const given of [basis, turned(contiguous(turned(basis)))]) {
      const found = numbers(lowRankOut(clone(y), coefficients, given));
      const elsewhere = found.filter((v, i) => v !== rounded[i]).length;
      // A sum within some 2^-17 of halfway between two bf16 numbers may go to the other one.
      t.ok(elsewhere < 0.01 * found.length + 2, `${elsewhere} of ${rows}×${n}, rank ${r}`);
      const over = found.map((v, i) => Math.abs(v - (exact[i] ?? NaN)) - Math.abs(v) / 256);
      const most = over.reduce((a, b) => Math.max(a, b), -Infinity);
      t.ok(most < 1e-5 * Math.sqrt(r), `out of ${rows}×${n}, rank ${r}: ${most}`);
    }
  }
});

test('when one thread computes or two, then all bits are the same', (t) => {
  const x = to(random(1000, 520), 'cpu', 'bfloat16');
  const [basis, coefficients] = [random(8, 520), random(1000, 8)];
  const [one, two] = [1, 2].map((threads) => {
    native().setThreads(threads);
    return [
      lowRankIn(x, basis, 1),
      lowRankOut(clone(x), coefficients, basis),
      lowRankGradient(coefficients, x, false),
    ].map(numbers);
  });
  t.same(one, two);
});
