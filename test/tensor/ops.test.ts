// The operators of a model against finite differences, and shapes without weights against shapes with them.
import { noGrad } from '../../lib/tensor/autograd.js';
import * as ops from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { doubles, gradientGap } from '../fixtures/finite_differences.js';
import { distance, test } from '../fixtures/no_leak.js';

type Shapes = readonly (readonly number[])[];
const differentiable: Record<string, [(...x: Tensor[]) => Tensor, Shapes]> = {
  'linear with a bias': [(x, w, b) => ops.linear(x, w, b), [[2, 3, 4], [5, 4], [5]]],
  'linear without': [
    (x, w) => ops.linear(x, w),
    [
      [3, 4],
      [2, 4],
    ],
  ],
  matmul: [
    ops.matmul,
    [
      [2, 3, 4],
      [2, 4, 2],
    ],
  ],
  rms_norm: [(x, w) => ops.rmsNorm(x, [5], w, 1e-5), [[2, 3, 5], [5]]],
  silu: [ops.silu, [[7]]],
  'causal attention with grouped heads': [
    (q, k, v) => ops.attention(q, k, v, null, true),
    [
      [2, 6, 4, 2],
      [2, 3, 4, 2],
      [2, 3, 4, 2],
    ],
  ],
  'attention of as many heads': [
    (q, k, v) => ops.attention(q, k, v, null, false),
    [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ],
  ],
  embedding: [(w) => ops.embedding(w, longTensor([0, 2, 2, 1], [2, 2])), [[4, 3]]],
  'cross entropy with a target left out': [
    (x) => ops.crossEntropy(x, longTensor([2, -100, 0], [3])),
    [[3, 4]],
  ],
  'negative log-likelihood': [
    (x) => ops.nllLoss(ops.logSoftmax(x, -1), longTensor([1, 3], [2])),
    [[2, 4]],
  ],
  softmax: [(x) => ops.softmax(x, -1), [[2, 4]]],
  'multiplication with broadcast': [
    ops.mul,
    [
      [2, 3, 4],
      [3, 1],
    ],
  ],
  'addition with broadcast': [(a, b) => ops.add(a, b, -2), [[2, 3], [3]]],
  'subtraction and division': [
    (a, b) => ops.div(ops.sub(a, b), ops.shift(ops.mul(b, b), 1)),
    [[2, 3], [3]],
  ],
  'slices, concatenation and negation': [
    (x) => ops.cat([ops.neg(ops.slice(x, -1, 2, 4)), ops.slice(x, -1, 0, 2)], -1),
    [[3, 4]],
  ],
  'view, transpose and reshape': [
    (x) => ops.reshape(ops.transpose(ops.view(x, [2, 3, 2]), 0, 1), [3, 4]),
    [[2, 6]],
  ],
};

for (const [name, [fn, shapes]] of Object.entries(differentiable)) {
  test(`when ${name} is differentiated, then finite differences agree`, (t) => {
    t.ok(gradientGap(fn, shapes) < 1e-7);
    t.ok(gradientGap(fn, shapes, { seed: 2 }) < 1e-7);
  });
}

test('when a gradient is wrong, then the comparison would show it', (t) => {
  // x·x with one factor detached has half of the true gradient
  const gap = gradientGap((x) => ops.mul(x, ops.detach(x)), [[4]]);
  t.ok(gap > 0.4 && gap < 0.6);
});

test('when heads are grouped, then kv head i serves query heads i·H/K onwards', (t) => {
  const [B, H, K, T, D] = [1, 4, 2, 3, 2] as const;
  const values = (n: number, from: number): number[] =>
    Array.from({ length: n }, (_, i) => Math.sin(from + i));
  const q = doubles(values(B * H * T * D, 0), [B, H, T, D]);
  const k = doubles(values(B * K * T * D, 50), [B, K, T, D]);
  const v = doubles(values(B * K * T * D, 90), [B, K, T, D]);
  const [Q, X, V] = [q.toArray(), k.toArray(), v.toArray()];
  const expected: number[] = [];
  for (let h = 0; h < H; h++) {
    const g = Math.floor((h * K) / H);
    for (let i = 0; i < T; i++) {
      const weights = Array.from({ length: i + 1 }, (_, j) => {
        let dot = 0;
        for (let d = 0; d < D; d++) dot += Q[(h * T + i) * D + d]! * X[(g * T + j) * D + d]!;
        return Math.exp(dot / Math.sqrt(D));
      });
      const total = weights.reduce((a, b) => a + b);
      for (let d = 0; d < D; d++) {
        expected.push(weights.reduce((s, w, j) => s + (w / total) * V[(g * T + j) * D + d]!, 0));
      }
    }
  }
  t.ok(distance(ops.attention(q, k, v, null, true).toArray(), expected) < 1e-12);
});

test('when shapes flow without weights, then they are the shapes with weights', (t) => {
  noGrad(() => {
    for (const [name, [fn, shapes]] of Object.entries(differentiable)) {
      if (/embedding|entropy|likelihood/.test(name)) continue; // their tokens have values
      const [real, meta] = ['cpu', 'meta'].map((device) =>
        fn(...shapes.map((shape) => ops.zeros(shape, 'float32', device))),
      ) as [Tensor, Tensor];
      t.equal(meta.device, 'meta');
      t.same([meta.shape, meta.dtype], [real.shape, real.dtype], name);
    }
  });
});

test('when losses are asked for each target, then their mean over targets is the loss', (t) => {
  const logits = floatTensor([1, 2, 0, 3, 1, 1], [2, 3]);
  const targets = longTensor([1, 0], [2]);
  const each = ops.crossEntropy(logits, targets, 'none').toArray();
  const one = (row: number[], target: number): number =>
    Math.log(row.reduce((s, x) => s + Math.exp(x), 0)) - row[target]!;
  t.ok(distance(each, [one([1, 2, 0], 1), one([3, 1, 1], 0)]) < 1e-6);
  const total = each[0]! + each[1]!;
  t.ok(Math.abs(ops.crossEntropy(logits, targets, 'sum').item() - total) < 1e-6);
  t.ok(Math.abs(ops.crossEntropy(logits, targets).item() - total / 2) < 1e-6);
});

test('when operators work in place, then the tensor itself changes', (t) => {
  const x = floatTensor([1, 2, 3, 4], [2, 2]);
  const index = longTensor([1], [1]);
  ops.add_(x, floatTensor([10, 20], [2]), 2);
  t.same(x.toArray(), [21, 42, 23, 44]);
  ops.indexFill_(x, 0, index, 0);
  t.same(x.toArray(), [21, 42, 0, 0]);
  ops.indexAdd_(x, 1, index, floatTensor([1, 2], [2, 1]), 3);
  t.same(x.toArray(), [21, 45, 0, 6]);
  ops.scale_(x, 2);
  ops.mul_(x, floatTensor([1, 0], [2]));
  t.same(x.toArray(), [42, 0, 0, 0]);
  ops.copy_(x, floatTensor([5], [1]));
  t.same(x.toArray(), [5, 5, 5, 5]);
  ops.zero_(x);
  t.same(x.toArray(), [0, 0, 0, 0]);
});

test('when systems are solved, then the product gives the right side back', (t) => {
  const a = doubles([4, 1, 2, 3], [2, 2]);
  const b = doubles([1, 2], [2, 1]);
  t.ok(distance(ops.matmul(a, ops.solve(a, b)).toArray(), [1, 2]) < 1e-14);
  t.same(ops.diagonal(a).toArray(), [4, 3]);
});
