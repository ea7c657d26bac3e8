import { Moe, type MoeShape } from '../../lib/nn/moe.js';
import { grad } from '../../lib/tensor/autograd.js';
import type { WeightSource } from '../../lib/nn/weight_source.js';
import { mul, sumAll, to } from '../../lib/tensor/ops.js';
import { keep } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers, randomWeights } from '../fixtures/random_llama.js';

const [B, T, C, E, F] = [2, 7, 8, 5, 6];
const shape: MoeShape = { width: C, experts: E, channels: F, perToken: 2, normalise: true };

const input = (seed: number): Tensor =>
  floatTensor(
    randomNumbers(seed, B * T * C).map((x) => 4 * x),
    [B, T, C],
  );

/** Gives every projection factors that are not zero. */
function withLora(moe: Moe): Tensor[] {
  return moe.experts.flatMap((expert, e) =>
    [expert.gate, expert.up, expert.down].flatMap((linear, i) => {
      const factor = (rows: number, columns: number, seed: number): Tensor =>
        floatTensor(randomNumbers(seed, rows * columns), [rows, columns]);
      const A = factor(2, linear.inFeatures, 1000 + 10 * e + i);
      const B = factor(linear.outFeatures, 2, 2000 + 10 * e + i);
      A.requiresGrad = true;
      B.requiresGrad = true;
      linear.lora = { A, B, scale: 0.5 };
      return [A, B];
    }),
  );
}

/** The definition, token by token, in JavaScript's numbers. */
function byHand(moe: Moe, x: Tensor, shut: readonly number[] = []): number[] {
  const rows = (w: Tensor): number[][] => {
    const flat = w.toArray();
    const n = w.extent(1);
    return Array.from({ length: w.extent(0) }, (_, i) => flat.slice(i * n, (i + 1) * n));
  };
  const product = (w: Tensor, v: number[]): number[] =>
    rows(w).map((row) => row.reduce((sum, a, i) => sum + a * v[i]!, 0));
  const values = x.toArray();
  return Array.from({ length: values.length / C }, (_, n) => {
    const token = values.slice(n * C, (n + 1) * C);
    const logits = product(moe.router, token).map((l, e) => (shut.includes(e) ? -Infinity : l));
    const total = logits.reduce((sum, l) => sum + Math.exp(l), 0);
    const scores = logits.map((l) => Math.exp(l) / total);
    const best = scores
      .map((score, e) => ({ score, e }))
      .sort((a, b) => b.score - a.score)
      .slice(0, moe.shape.perToken);
    const sum = moe.shape.normalise ? best.reduce((s, { score }) => s + score, 0) : 1;
    const y = Array<number>(C).fill(0);
    for (const { score, e } of best) {
      const { gate, up, down } = moe.experts[e]!;
      const [g, u] = [product(gate.weight, token), product(up.weight, token)];
      const hidden = g.map((a, f) => (a / (1 + Math.exp(-a))) * u[f]!);
      product(down.weight, hidden).forEach((a, c) => (y[c]! += (a * score) / sum));
    }
    return y;
  }).flat();
}

for (const normalise of [true, false]) {
  test(`when tokens are routed (normalise: ${normalise}), then each goes to its best experts`, (t) => {
    using moe = new Moe(randomWeights(3), { ...shape, normalise });
    const x = input(4);
    const y = moe.forward(x);
    t.same(y.shape, [B, T, C]);
    t.ok(distance(y.toArray(), byHand(moe, x)) < 1e-5, 'sparse');
    moe.dense = true;
    t.ok(distance(moe.forward(x).toArray(), byHand(moe, x)) < 1e-5, 'dense');
  });
}

test('when a single token goes to a few experts, then the others do not run', (t) => {
  using moe = new Moe(randomWeights(5), shape);
  const seen = new Set<number>();
  moe.experts.forEach(({ gate }, e) => (gate.observer = () => seen.add(e)));
  const x = floatTensor(randomNumbers(6, C), [1, 1, C]);
  t.ok(distance(moe.forward(x).toArray(), byHand(moe, x)) < 1e-5);
  t.equal(seen.size, 2);
});

test('when gradients flow, then sparse and dense give router, LoRA and input the same', (t) => {
  for (const normalise of [true, false]) {
    using moe = new Moe(randomWeights(7), { ...shape, normalise });
    const factors = withLora(moe);
    const x = input(8);
    x.requiresGrad = true;
    moe.router.requiresGrad = true;
    const weights = input(9);
    const gradients = (dense: boolean): number[][] => {
      moe.dense = dense;
      const loss = sumAll(mul(moe.forward(x), weights));
      return grad([loss], [x, moe.router, ...factors]).map((g) => g?.toArray() ?? []);
    };
    const [sparse, dense] = [gradients(false), gradients(true)];
    sparse.forEach((values, i) => {
      t.ok(distance(values, dense[i]!) < 1e-5, `gradient ${i}: ${distance(values, dense[i]!)}`);
      t.ok(Math.max(...values.map(Math.abs)) > 1e-3, `gradient ${i} is not zero`);
    });
  }
});

test('when experts are closed, then tokens go to the others as if these were not there', (t) => {
  for (const normalise of [true, false]) {
    using moe = new Moe(randomWeights(11), { ...shape, normalise });
    const x = input(12);
    const whole = moe.forward(x).toArray();
    moe.open = floatTensor([1, 0, 1, 1, 0], [E]);
    const expected = byHand(moe, x, [1, 4]);
    t.ok(distance(moe.forward(x).toArray(), expected) < 1e-5);
    t.ok(distance(whole, expected) > 1e-2, 'which is not what it was');
    moe.dense = true;
    t.ok(distance(moe.forward(x).toArray(), expected) < 1e-5);
    moe.open = null;
  }
});

test('when weights are bfloat16, then so is the result, near that of float32', (t) => {
  using whole = new Moe(randomWeights(13), shape);
  const half: WeightSource = (name) =>
    keep(to(new Map(whole.parameters()).get(name)!, 'cpu', 'bfloat16'));
  using moe = new Moe(half, shape);
  const x = input(14);
  for (const dense of [false, true]) {
    moe.dense = dense;
    const y = moe.forward(to(x, 'cpu', 'bfloat16'));
    t.equal(y.dtype, 'bfloat16');
    t.ok(distance(y.toArray(), whole.forward(x).toArray()) < 0.02);
  }
});

test('when a token is to go to more experts than there are, then that is refused', (t) => {
  t.throws(() => new Moe(randomWeights(1), { ...shape, perToken: 6 }), {
    code: 'CHECKPOINT_INVALID',
    message: /6 of 5 experts/,
  });
});
