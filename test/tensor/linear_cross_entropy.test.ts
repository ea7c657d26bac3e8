// The loss of a linear head and its gradient against their definition in double, for every type, size and form of head.
import { backward, clearGrads, noGrad } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import {
  type LinearHead,
  isFrozen,
  linearCrossEntropy,
} from '../../lib/tensor/linear_cross_entropy.js';
import { opMany, withRecorder } from '../../lib/tensor/op.js';
import { detach, linear, mul, sumAll, to } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const referenceOp = opMany(
  'lorashear::linear_cross_entropy_reference(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, float scale=1.0, float softcap=0.0, int ignore_index=-100) -> (Tensor losses, Tensor gradient)',
);

let seed = 1;
const random = (shape: readonly number[], dtype: DType, by: number): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const numbers = randomNumbers(seed++, size).map((x) => by * x);
  return to(floatTensor(numbers, shape), 'cpu', dtype);
};

interface Case {
  readonly hidden: Tensor;
  readonly head: LinearHead;
  readonly labels: Int32Array;
}

/** Logits of some ±12, a third of the labels ignored. */
function randomCase(
  [rows, width, vocabulary]: readonly [number, number, number],
  dtype: DType,
  { bias = false, scale = 1, softcap = null as number | null } = {},
): Case {
  const weight = random([vocabulary, width], dtype, 4);
  const head = { weight, bias: bias ? random([vocabulary], dtype, 4) : null, scale, softcap };
  const labels = Int32Array.from(randomNumbers(seed++, rows), (x, i) =>
    i % 3 === 1 ? -100 : Math.floor((x + 0.5) * vocabulary),
  );
  return { hidden: random([rows, width], dtype, 16 / Math.sqrt(width)), head, labels };
}

const long = (labels: Int32Array): Tensor => longTensor(labels, [labels.length]);

function reference({ hidden, head, labels }: Case): { losses: number[]; gradient: number[] } {
  const { weight, bias, scale, softcap } = head;
  const found = noGrad(() =>
    referenceOp(hidden, weight, bias, long(labels), scale, softcap ?? 0, -100),
  );
  const [losses, gradient] = found as [Tensor, Tensor];
  return { losses: losses.toArray(), gradient: gradient.toArray() };
}

function learned(x: Tensor, loss: (x: Tensor) => Tensor): { loss: number[]; gradient: number[] } {
  const leaf = detach(x);
  leaf.requiresGrad = true;
  const result = loss(leaf);
  backward(result.size === 1 ? result : sumAll(result));
  const gradient = leaf.grad?.toArray() ?? [];
  clearGrads([leaf]);
  return { loss: result.toArray(), gradient };
}

const eyeOf = (n: number): Tensor =>
  floatTensor(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
  );

const metaOf = ({ weight, bias, ...rest }: LinearHead): LinearHead => ({
  ...rest,
  weight: to(weight, 'meta', weight.dtype),
  bias: bias && to(bias, 'meta', bias.dtype),
});

const shapes = [
  [1, 5, 3],
  [37, 19, 131],
  [64, 32, 1000],
] as const;
const heads = [
  {},
  { bias: true },
  { scale: 0.0625 },
  { softcap: 30 },
  { bias: true, scale: 1.5, softcap: 5 },
];

/**
 * Of a loss and of a gradient. A half type rounds the products before the loss is computed in float32: a unit in the
 * last place of logits of some 30, in the label's and in the others'.
 */
const near = {
  float64: [1e-6, 1e-12],
  float32: [2e-6, 4e-6],
  bfloat16: [0.15, 0.03],
  float16: [0.015, 4e-3],
} as const;

for (const dtype of ['float64', 'float32', 'bfloat16', 'float16'] as const) {
  test(`when rows of ${dtype} meet a head, then losses and gradients are those of its logits in double`, (t) => {
    for (const shape of shapes) {
      for (const form of heads) {
        const given = randomCase(shape, dtype, form);
        const { losses, gradient } = reference(given);
        const counted = given.labels.filter((label) => label !== -100).length;
        for (const chunk of [0, 1, 10, 64]) {
          const what = `${shape.join('×')}, ${JSON.stringify(form)}, ${chunk} rows`;
          const at = (reduction: 'none' | 'mean' | 'sum'): ReturnType<typeof learned> =>
            learned(given.hidden, (x) =>
              linearCrossEntropy(x, given.head, long(given.labels), { reduction, chunk }),
            );
          const each = at('none');
          const gap = each.loss.reduce((g, x, i) => Math.max(g, Math.abs(x - losses[i]!)), 0);
          const size =
            dtype.startsWith('float') && dtype !== 'float16' ? Math.max(1, ...losses) : 1;
          t.ok(gap < near[dtype][0] * size, `${what}: ${gap}`);
          const off = distance(each.gradient, gradient);
          t.ok(off < near[dtype][1], `${what}: gradient ${off}`);
          const total = each.loss.reduce((sum, x) => sum + x, 0);
          const [sum, mean] = [at('sum'), at('mean')];
          t.ok(Math.abs(sum.loss[0]! - total) <= 1e-6 * total, what);
          t.ok(Math.abs(mean.loss[0]! * counted - total) <= 1e-6 * total, what);
          t.same(sum.gradient, each.gradient);
          const scaled = mean.gradient.map((x) => x * counted);
          t.ok(distance(scaled, sum.gradient) < near[dtype][1], what);
        }
      }
    }
  });
}

for (const dtype of ['bfloat16', 'float16'] as const) {
  test(`when the products of ${dtype} are known, then the loss is theirs in float32`, (t) => {
    const [rows, vocabulary] = [21, 517];
    // A head that copies: products are the hidden states themselves, which no product rounds.
    const weight = to(eyeOf(vocabulary), 'cpu', dtype);
    const { labels } = randomCase([rows, 1, vocabulary], dtype);
    for (const softcap of [null, 6]) {
      const head = { weight, bias: null, scale: 1, softcap };
      const given = { hidden: random([rows, vocabulary], dtype, 20), head, labels };
      const { losses, gradient } = reference(given);
      const found = learned(given.hidden, (x) =>
        linearCrossEntropy(x, head, long(labels), { reduction: 'none' }),
      );
      t.ok(distance(found.loss, losses) < 1e-6, `${distance(found.loss, losses)}`);
      const off = distance(found.gradient, gradient);
      t.ok(off < (dtype === 'bfloat16' ? 4e-3 : 5e-4), `gradient ${off}`);
    }
  });
}

test('when logits are far from each other or alike, then nothing overflows', (t) => {
  const weight = floatTensor([1, 0, -1, 0, 0, 0], [3, 2]);
  const head = { weight, bias: null, scale: 1, softcap: null };
  const given = {
    hidden: floatTensor([1e4, 0, -1e4, 0, 0, 0, 1e30, 0], [4, 2]),
    head,
    labels: Int32Array.of(0, 0, 2, 1),
  };
  const { losses } = reference(given);
  const found = linearCrossEntropy(given.hidden, head, long(given.labels), { reduction: 'none' });
  t.ok(distance(found.toArray(), losses) < 1e-6);
  t.ok(Math.abs(found.toArray()[2]! - Math.log(3)) < 1e-6);
  const broken = floatTensor([NaN, 0], [1, 2]);
  t.ok(Number.isNaN(linearCrossEntropy(broken, head, longTensor([0], [1])).item()));
});

test('when no label counts, then the mean is NaN, the sum 0, and no gradient goes on', (t) => {
  for (const dtype of ['float64', 'float32', 'bfloat16'] as const) {
    const { hidden, head } = randomCase([5, 4, 7], dtype);
    const labels = new Int32Array(5).fill(-100);
    const mean = learned(hidden, (x) => linearCrossEntropy(x, head, long(labels)));
    t.ok(Number.isNaN(mean.loss[0]));
    t.same(mean.gradient, new Array(20).fill(0));
    t.equal(linearCrossEntropy(hidden, head, long(labels), { reduction: 'sum' }).item(), 0);
  }
});

test('when the loss is scaled or asked for twice, then the gradient follows', (t) => {
  const { hidden, head, labels } = randomCase([9, 8, 50], 'float32');
  const once = learned(hidden, (x) => linearCrossEntropy(x, head, long(labels)));
  const by = floatTensor([3], []);
  const thrice = learned(hidden, (x) => mul(linearCrossEntropy(x, head, long(labels)), by));
  t.ok(
    distance(
      thrice.gradient,
      once.gradient.map((g) => 3 * g),
    ) < 1e-6,
  );
  const leaf = detach(hidden);
  leaf.requiresGrad = true;
  const loss = linearCrossEntropy(leaf, head, long(labels));
  backward(loss, { retainGraph: true });
  backward(loss);
  t.ok(
    distance(
      leaf.grad?.toArray() ?? [],
      once.gradient.map((g) => 2 * g),
    ) < 1e-6,
  );
  const through = learned(hidden, (x) =>
    linearCrossEntropy(linear(x, eyeOf(8)), head, long(labels)),
  );
  t.ok(distance(through.gradient, once.gradient) < 1e-5, 'a graph before it');
});

test('when something does not fit, then it says so', (t) => {
  const { hidden, head } = randomCase([3, 4, 7], 'float32');
  const code = { code: 'TENSOR_OP_FAILED' };
  const loss = (h: LinearHead, ids: readonly number[]): unknown =>
    linearCrossEntropy(hidden, h, longTensor(ids, [ids.length]));
  for (const wrong of [7, -1, -101]) {
    t.throws(() => loss(head, [0, wrong, 1]), { ...code, message: /label -?\d+ of row 1/ });
  }
  t.throws(() => loss(head, [0, 1]), { ...code, message: /one label for each of 3 rows/ });
  t.throws(() => loss({ ...head, scale: 0 }, [0, 1, 2]), { ...code, message: /positive/ });
  t.throws(() => loss({ ...head, softcap: -1 }, [0, 1, 2]), code);
  const narrow = { ...head, weight: random([7, 5], 'float32', 1) };
  t.throws(() => loss(narrow, [0, 1, 2]), { ...code, message: /does not fit/ });
  const other = { ...head, weight: to(head.weight, 'cpu', 'bfloat16') };
  t.throws(() => loss(other, [0, 1, 2]), { ...code, message: /one type/ });
  const double = to(hidden, 'cpu', 'float64');
  const wide = { ...head, weight: to(head.weight, 'cpu', 'float64') };
  t.throws(() => linearCrossEntropy(double, wide, longTensor([0, 7, 1], [3])), code);
});

test('when the head learns or a graph is recorded, then the operator does not serve', (t) => {
  const { hidden, head, labels } = randomCase([3, 4, 7], 'float32', { bias: true });
  t.ok(isFrozen(head));
  t.notOk(withRecorder({ record: () => undefined }, () => isFrozen(head)));
  for (const part of [head.weight, head.bias!]) {
    part.requiresGrad = true;
    t.notOk(isFrozen(head));
    t.ok(noGrad(() => isFrozen(head)));
    t.throws(() => linearCrossEntropy(hidden, head, long(labels)), {
      code: 'TENSOR_OP_FAILED',
      message: /no gradient of the head/,
    });
    t.ok(noGrad(() => linearCrossEntropy(hidden, head, long(labels)).item()) > 0);
    part.requiresGrad = false;
  }
  t.same(
    linearCrossEntropy(
      to(hidden, 'meta', 'float32'),
      metaOf(head),
      to(long(labels), 'meta', 'int64'),
    ).shape,
    [],
  );
});
