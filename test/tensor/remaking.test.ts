// Selective recomputation: the same gradients, bit by bit, from layers that keep less.
import { backward, noGrad, remaking } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { addRmsNorm, fusedRmsNorm, gatedSilu, loraLinears } from '../../lib/tensor/fused.js';
import { add, mul, sumAll, to, zero_ } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const [width, outputs, rank] = [96, 32, 4];

/** Numbers of a shape, the same in every call with this seed. */
const random = (seed: number, shape: readonly number[], dtype: DType): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return to(floatTensor(randomNumbers(seed, size), shape), 'cpu', dtype);
};

/** What two layers read, and what else their gradient passes. */
type Cheap = (x: Tensor, y: Tensor, weight: Tensor) => readonly Tensor[];

const cheap: Readonly<Record<string, Cheap>> = {
  'a norm': (x, y, weight) => [fusedRmsNorm(add(x, y), weight, 1e-5)],
  'the norm of a sum': (x, y, weight) => {
    const [sum, normed] = addRmsNorm(x, y, weight, 1e-5);
    return [normed, sum];
  },
  'a gated activation': (x, y) => [gatedSilu(x, y)],
};

/** Gradients of what goes in and of the factors; `meanwhile` is done to what the layers read before backward. */
function gradients(
  made: Cheap,
  dtype: DType,
  rows: number,
  meanwhile?: (h: Tensor) => void,
): number[][] {
  const leaves = [1, 2].map((seed) => random(seed, [rows, width], dtype));
  const a = [3, 4].map((seed) => random(seed, [rank, width], 'float32'));
  const b = [5, 6].map((seed) => random(seed, [outputs, rank], 'float32'));
  const weights = [7, 8].map((seed) => random(seed, [outputs, width], dtype));
  const inputs = [...leaves, ...a, ...b];
  for (const leaf of inputs) leaf.requiresGrad = true;
  const norm = random(9, [width], dtype);
  const [h, beside] = made(leaves[0] as Tensor, leaves[1] as Tensor, norm) as [Tensor, Tensor?];
  const ys = loraLinears(h, weights, [], a, b, 2);
  const parts = ys.map((y, i) => sumAll(mul(y, random(10 + i, [rows, outputs], dtype))));
  if (beside) parts.push(sumAll(mul(beside, random(12, [rows, width], dtype))));
  meanwhile?.(h);
  backward(parts.reduce((sum, part) => add(sum, part)));
  return inputs.map((leaf) => Array.from((leaf.grad as Tensor).toArray()));
}

const spoil = (h: Tensor): void => {
  noGrad(() => zero_(h));
};

for (const [name, made] of Object.entries(cheap)) {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    for (const rows of [3, 70]) {
      test(`when ${rows} rows of ${name} in ${dtype} are made again, then no bit of a gradient differs`, (t) => {
        const kept = gradients(made, dtype, rows);
        t.ok(kept.every((gradient) => gradient.some((g) => g !== 0)));
        t.same(
          remaking(() => gradients(made, dtype, rows)),
          kept,
        );
        // and the layers indeed did not keep it: what becomes of it afterwards does not matter to them
        t.same(
          remaking(() => gradients(made, dtype, rows, spoil)),
          kept,
        );
        t.throws(() => gradients(made, dtype, rows, spoil), { code: /./ });
      });
    }
  }
}
