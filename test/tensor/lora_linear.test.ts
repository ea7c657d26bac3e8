// The linear layer with LoRA as one operator: values and gradients against the formula in float64.
import { backward } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { loraLinear, loraLinears } from '../../lib/tensor/fused.js';
import { add, linear, mul, scale, sumAll, to } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

/** Of y and of the gradients: one rounding of what the type holds, and sums in float32. */
const near = { float32: 2e-6, bfloat16: 6e-3, float16: 8e-4 } as const;

let seed = 1;
const random = (shape: readonly number[], dtype: DType): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return to(floatTensor(randomNumbers(seed++, size), shape), 'cpu', dtype);
};

interface Given {
  x: Tensor;
  weight: Tensor;
  bias: Tensor | null;
  a: Tensor;
  b: Tensor;
  towards: Tensor;
}

type Layer = (given: Given) => Tensor;

const fused: Layer = ({ x, weight, bias, a, b }) => loraLinear(x, weight, bias, a, b, 2);
const plain: Layer = ({ x, weight, bias, a, b }) =>
  add(linear(x, weight, bias), scale(linear(linear(x, a), b), 2));

const joint = (layers: readonly Given[]): Tensor[] =>
  loraLinears(
    (layers[0] as Given).x,
    layers.map(({ weight }) => weight),
    layers.flatMap(({ bias }) => bias ?? []),
    layers.map(({ a }) => a),
    layers.map(({ b }) => b),
    2,
  );

/** Every y, and the gradients of the sum of ⟨y, towards⟩, of x too. */
function together(
  all: (layers: readonly Given[]) => Tensor[],
  given: readonly Given[],
): number[][] {
  const { x } = given[0] as Given;
  const layers = given.map((layer) => ({ ...layer, x }));
  const leaves = [x, ...layers.flatMap(({ a, b }) => [a, b])];
  for (const leaf of leaves) leaf.requiresGrad = true;
  const results = all(layers);
  const parts = results.map((y, i) => sumAll(mul(y, (layers[i] as Given).towards)));
  backward(parts.reduce((sum, part) => add(sum, part)));
  const found = [...results, ...leaves.map((leaf) => leaf.grad as Tensor)];
  return found.map((v) => Array.from(to(v, 'cpu', 'float64').toArray()));
}

/** y, and the gradients of ⟨y, towards⟩. */
function results(layer: Layer, given: Given): number[][] {
  const leaves = [given.x, given.a, given.b];
  for (const leaf of leaves) leaf.requiresGrad = true;
  const y = layer(given);
  backward(sumAll(mul(y, given.towards)));
  return [y, ...leaves.map((leaf) => leaf.grad as Tensor)].map((t) =>
    Array.from(to(t, 'cpu', 'float64').toArray()),
  );
}

const wide = (given: Given): Given =>
  Object.fromEntries(
    Object.entries(given).map(([name, t]: [string, Tensor | null]) => [
      name,
      t && to(t, 'cpu', 'float64'),
    ]),
  ) as unknown as Given;

for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
  test(`when a linear of ${dtype} has LoRA, then y and the gradients of x, A and B are the formula's`, (t) => {
    for (const [rows, n, m, r, bias] of [
      [1, 5, 3, 1, true],
      [7, 37, 66, 3, false],
      [70, 64, 300, 8, true],
      [33, 129, 17, 20, false],
      [96, 70, 900, 12, true],
    ] as const) {
      const given: Given = {
        x: random([1, rows, n], dtype),
        weight: random([m, n], dtype),
        bias: bias ? random([m], dtype) : null,
        a: random([r, n], 'float32'),
        b: random([m, r], 'float32'),
        towards: random([1, rows, m], dtype),
      };
      const exact = results(plain, wide(given));
      const found = results(fused, given);
      for (const [i, what] of ['y', 'x', 'A', 'B'].entries()) {
        const gap = distance(found[i] ?? [], exact[i] ?? []);
        t.ok(gap < near[dtype], `${what} of ${rows}×${n}→${m}, rank ${r}: ${gap}`);
      }
    }
  });
}

test('when the base takes gradients too, then it gets them', (t) => {
  const given: Given = {
    x: random([4, 6], 'float32'),
    weight: random([5, 6], 'float32'),
    bias: random([5], 'float32'),
    a: random([2, 6], 'float32'),
    b: random([5, 2], 'float32'),
    towards: random([4, 5], 'float32'),
  };
  const gradients = [fused, plain].map((layer) => {
    const own = Object.fromEntries(
      Object.entries(given).map(([name, v]: [string, Tensor]) => [name, to(v, 'cpu', 'float64')]),
    );
    const again = wide(own as unknown as Given);
    for (const leaf of [again.weight, again.bias as Tensor]) leaf.requiresGrad = true;
    backward(sumAll(mul(layer(again), again.towards)));
    return [again.weight, again.bias as Tensor].map((v) => (v.grad as Tensor).toArray());
  });
  t.ok(distance(gradients[0]?.[0] ?? [], gradients[1]?.[0] ?? []) < 1e-12);
  t.ok(distance(gradients[0]?.[1] ?? [], gradients[1]?.[1] ?? []) < 1e-12);
});

for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
  test(`when several linears of ${dtype} read the same x, then each y and all gradients are the formula's`, (t) => {
    for (const [rows, n, outs, ranks, bias] of [
      [5, 37, [8, 3], [2, 2], true],
      [70, 64, [96, 33, 32], [8, 8, 8], false],
      [130, 900, [40, 70, 1], [4, 9, 16], true],
    ] as const) {
      const x = random([rows, n], dtype);
      const layers = outs.map((m, i): Given => {
        const [r, given] = [ranks[i] ?? 1, random([m, n], dtype)];
        const [a, b] = [random([r, n], 'float32'), random([m, r], 'float32')];
        const shift = bias ? random([m], dtype) : null;
        return { x, weight: given, bias: shift, a, b, towards: random([rows, m], dtype) };
      });
      const exact = together((all) => all.map(plain), layers.map(wide));
      const found = together(joint, layers);
      found.forEach((values, i) => {
        const gap = distance(values, exact[i] ?? []);
        t.ok(gap < 2 * near[dtype], `${i} of ${rows}×${n}→${outs.join()}: ${gap}`);
      });
    }
  });
}

test('when only some results or factors are asked about, then the others change nothing', (t) => {
  const x = random([70, 40], 'float32');
  const layers = [24, 32].map((m): Given => {
    const [a, b] = [random([4, 40], 'float32'), random([m, 4], 'float32')];
    return { x, weight: random([m, 40], 'float32'), bias: null, a, b, towards: x };
  });
  for (const leaf of [layers[0]?.b, layers[1]?.a, layers[1]?.b] as Tensor[])
    leaf.requiresGrad = true;
  backward(sumAll(joint(layers)[1] as Tensor));
  const h = linear(x, layers[1]?.a as Tensor).toArray();
  const column = [0, 1, 2, 3].map((k) =>
    Array.from(h).reduce((sum, v, i) => (i % 4 === k ? sum + 2 * v : sum), 0),
  );
  const expected = Array.from({ length: 32 }, () => column).flat();
  t.ok(distance(layers[1]?.b.grad?.toArray() ?? [], expected) < 1e-5, 'B of what was asked about');
  t.ok(layers[1]?.a.grad, 'A of what was asked about');
  t.notOk(layers[0]?.b.grad, 'B of the other');
  t.notOk(layers[0]?.a.grad, 'what does not learn');
  t.notOk(x.grad, 'x does not learn');
});
