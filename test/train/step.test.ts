import { backward, clearGrads } from '../../lib/tensor/autograd.js';
import { div, mul, scale, sqrt, sumAll, zeros } from '../../lib/tensor/ops.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { clipGradients, trainStep } from '../../lib/train/step.js';
import { distance, test } from '../fixtures/no_leak.js';

function leaf(values: number[]): Tensor {
  const x = floatTensor(values, [values.length]);
  x.requiresGrad = true;
  return x;
}

/** Leaves whose gradients are 3 and (0, 4): their joint norm is 5. */
function withGradients(): [Tensor, Tensor] {
  const [a, b] = [leaf([1]), leaf([1, 1])];
  backward(sumAll(scale(a, 3)));
  backward(sumAll(mul(b, floatTensor([0, 4], [2]))));
  return [a, b];
}

const valueOf = (norm: Tensor | null): number => norm?.item() ?? NaN;
const gradients = (xs: Tensor[]): number[] => xs.flatMap((x) => x.grad?.toArray() ?? []);

test('when the joint norm is above the limit, then all gradients shrink in one proportion', (t) => {
  const ps = withGradients();
  t.ok(Math.abs(valueOf(clipGradients(ps, 1)) - 5) < 1e-6, 'the norm before');
  t.ok(distance(gradients(ps), [0.6, 0, 0.8]) < 1e-5);
});

test('when it is below, then they stay; without gradients there is no norm', (t) => {
  const ps = withGradients();
  t.ok(Math.abs(valueOf(clipGradients([...ps, leaf([9])], 5.1)) - 5) < 1e-6);
  t.same(gradients(ps), [3, 0, 4]);
  clearGrads(ps);
  t.equal(clipGradients(ps, 1), null);
});

test('when a step is taken, then the loss falls, gradients are gone and no handle is left', (t) => {
  const x = leaf([3, -2]);
  using optimizer = new AdamW(new Map([['x', x]]));
  const before = tensorCount();
  const losses = Array.from({ length: 30 }, () =>
    trainStep(() => sumAll(mul(x, x)), optimizer, 0.1),
  );
  t.equal(losses[0], 13);
  t.ok(losses.at(-1)! < 3);
  t.equal(x.grad, null);
  t.equal(tensorCount(), before);
});

test('when gradients are large, then they are clipped before the step', (t) => {
  const x = leaf([1]);
  using optimizer = new AdamW(new Map([['x', x]]), { eps: 1 }); // so that the size of g matters
  trainStep(() => sumAll(scale(x, 1000)), optimizer, 0.1, 2);
  // m̂ = g = 2, v̂ = 4: x − 0.1·2/(2 + 1)
  t.ok(distance(x.toArray(), [1 - 0.2 / 3]) < 1e-5);
});

for (const [what, loss] of [
  ['NaN', (x: Tensor) => sumAll(div(x, zeros([2])))],
  ['infinite', (x: Tensor) => sumAll(div(mul(x, x), zeros([2])))],
  // √0 has an infinite slope: the loss is finite, its gradient is not
  ['finite with a gradient that is not', (x: Tensor) => sumAll(sqrt(mul(x, zeros([2]))))],
] as const) {
  test(`when the loss is ${what}, then PRUNE_DIVERGED, and nothing has moved`, (t) => {
    const x = leaf(what === 'NaN' ? [0, 1] : [2, 1]);
    const start = x.toArray();
    using optimizer = new AdamW(new Map([['x', x]]));
    trainStep(() => scale(sumAll(mul(x, x)), 0), optimizer, 0.1);
    const state = (): number[][] => [...optimizer.state()].map(([, s]) => s.toArray());
    const saved = state();
    const before = tensorCount();
    t.throws(() => trainStep(() => loss(x), optimizer, 0.1), {
      code: 'PRUNE_DIVERGED',
      hint: String,
      message: what.startsWith('finite') ? /norm of the gradients became/ : /loss became/,
    });
    t.same(x.toArray(), start);
    t.same(state(), saved);
    t.equal(x.grad, null);
    t.equal(tensorCount(), before);
  });
}
