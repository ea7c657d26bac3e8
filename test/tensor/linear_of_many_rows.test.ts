// Products of many rows, which are made of packed parts (by tiles or blocks), against float64.
import { native } from '../../lib/native/load.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { fusedLinear } from '../../lib/tensor/fused.js';
import { contiguous, linear, scale, slice, to, transpose } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

let seed = 1;
const random = (rows: number, columns: number, dtype: DType): Tensor =>
  to(floatTensor(randomNumbers(seed++, rows * columns), [rows, columns]), 'cpu', dtype);
const numbers = (x: Tensor): number[] => Array.from(to(x, 'cpu', 'float64').toArray());
const wide = (x: Tensor | null): Tensor | null => x && to(x, 'cpu', 'float64');
const exact = (x: Tensor, w: Tensor, bias: Tensor | null): number[] =>
  numbers(linear(wide(x) as Tensor, wide(w) as Tensor, wide(bias)));

function packs(x: Tensor, w: Tensor): boolean {
  try {
    fusedLinear(x, w, null, 'packed');
    return true;
  } catch {
    return false;
  }
}

/** All that a panel, a step and what is added up at once may leave over. */
const shapes = [
  [9, 40, 33],
  [30, 17, 600],
  [64, 32, 32],
  [64, 1, 1],
  [65, 33, 31],
  [95, 70, 130],
  [256, 513, 48],
  [300, 96, 769],
  [130, 40, 1700],
  [140, 1100, 30],
] as const;

for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
  test(`when many rows of ${dtype} meet a matrix, then x·Wᵀ + b as exact as libtorch's`, (t) => {
    for (const [rows, out, n] of shapes) {
      const x = slice(random(rows, n + 3, dtype), 1, 1, 1 + n);
      const w = random(out, n, dtype);
      const across = transpose(contiguous(transpose(w, 0, 1)), 0, 1);
      const bias = to(floatTensor(randomNumbers(seed++, out), [out]), 'cpu', dtype);
      for (const b of [null, bias]) {
        const expected = exact(x, w, b);
        const allowed = 2 * distance(numbers(linear(x, w, b)), expected) + 2e-7;
        for (const given of [w, across]) {
          for (const by of packs(x, given) ? ([undefined, 'packed'] as const) : [undefined]) {
            const gap = distance(numbers(fusedLinear(x, given, b, by)), expected);
            const what = `${rows}×${n}→${out}, ${by ?? 'as it chooses'}`;
            t.ok(gap <= allowed, `${what}: ${gap}, libtorch's with room ${allowed}`);
          }
        }
      }
    }
  });

  test(`when one thread multiplies packed rows of ${dtype} or two, then all bits are the same`, (t) => {
    const [x, w] = [random(300, 1000, dtype), random(700, 1000, dtype)];
    if (!packs(x, w)) {
      t.comment('this processor does not pack them');
      return;
    }
    const [one, two] = [1, 2].map((threads) => {
      native().setThreads(threads);
      const few = slice(w, 0, 0, 40);
      return [w, few].flatMap((matrix) => numbers(fusedLinear(x, matrix, null, 'packed')));
    });
    t.equal(one?.filter((v, i) => v !== two?.[i]).length, 0);
  });
}

test('when numbers are far apart or at the edge of float32, then none is lost', (t) => {
  const values = [1, 2 ** -20, 2 ** 20, -3e-30, 1 + 2 ** -23, -(2 ** 100), 0, 3e25];
  const x = floatTensor(
    Array.from({ length: 64 * 8 }, (_, i) => values[(i + (i >> 3)) % 8] ?? 0),
    [64, 8],
  );
  for (let column = 0; column < 8; column++) {
    const one = floatTensor(
      Array.from({ length: 8 }, (_, i) => Number(i === column)),
      [1, 8],
    );
    t.same(numbers(fusedLinear(x, one, null)), numbers(slice(x, 1, column, column + 1)));
  }
});

test('when a number is not finite, then its row is not, and no other', (t) => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const x = random(64, 40, 'float32').toArray();
    x[5 * 40 + 7] = value;
    const y = numbers(fusedLinear(floatTensor(x, [64, 40]), random(3, 40, 'float32'), null));
    t.ok(
      y.every((v, i) => Number.isFinite(v) === (Math.floor(i / 3) !== 5)),
      `${value}`,
    );
  }
});

test('when zeros are multiplied, then zeros are all there is', (t) => {
  const zeros = scale(random(80, 50, 'float32'), 0);
  t.ok(numbers(fusedLinear(zeros, random(20, 50, 'float32'), null)).every((v) => v === 0));
});
