import { Linear } from '../../lib/nn/linear.js';
import type { WeightSource } from '../../lib/nn/weight_source.js';
import { to } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { gradientGap } from '../fixtures/finite_differences.js';
import { test } from '../fixtures/no_leak.js';

const source =
  (tensors: Record<string, Tensor>): WeightSource =>
  (name) =>
    tensors[name]!;
const tensors = (): Record<string, Tensor> => ({
  weight: floatTensor([1, 2, 3, 4, 5, 6], [2, 3]),
  bias: floatTensor([10, 20], [2]),
});

test('when a linear runs, then it is W·x, and with a bias W·x + b', (t) => {
  const x = floatTensor([1, 0, -1], [1, 3]);
  t.same(new Linear(source(tensors()), 3, 2).forward(x).toArray(), [-2, -2]);
  t.same(new Linear(source(tensors()), 3, 2, true).forward(x).toArray(), [8, 18]);
});

test('when it asks for weights, then by name and shape', (t) => {
  const asked: [string, readonly number[]][] = [];
  new Linear(
    (name, shape) => {
      asked.push([name, shape]);
      return tensors()[name]!;
    },
    3,
    2,
    true,
  );
  t.same(asked, [
    ['weight', [2, 3]],
    ['bias', [2]],
  ]);
});

test('when it has LoRA, then s·B·(A·x) is added and the factors are its parameters', (t) => {
  const linear = new Linear(source(tensors()), 3, 2, true);
  const x = floatTensor([1, 2, 3], [1, 3]);
  const A = floatTensor([1, 0, 1], [1, 3]);
  const B = floatTensor([2, -1], [2, 1]);
  const plain = linear.forward(x).toArray();
  linear.lora = { A, B, scale: 0.5 };
  t.same(linear.forward(x).toArray(), [plain[0]! + 4, plain[1]! - 2]); // A·x = 4
  t.same(
    [...linear.parameters('p.')].map(([name]) => name),
    ['p.weight', 'p.bias', 'p.lora_A.weight', 'p.lora_B.weight'],
  );
  linear.lora = null;
  t.same(linear.forward(x).toArray(), plain);
  t.same([...linear.parameters()].length, 2);
  t.equal(A.alive, true, 'the factors are the caller’s again');
});

test('when LoRA is differentiated, then finite differences agree', (t) => {
  const gap = gradientGap(
    (x, W, b, A, B) => {
      const linear = new Linear(source({ weight: W, bias: b }), 4, 3, true);
      linear.lora = { A, B, scale: 0.7 };
      return linear.forward(x);
    },
    [[2, 5, 4], [3, 4], [3], [2, 4], [3, 2]],
  );
  t.ok(gap < 1e-7);
});

test('when a gate is set, then gated inputs reach neither the output nor the observer', (t) => {
  const linear = new Linear(source(tensors()), 3, 2);
  const seen: number[][] = [];
  linear.observer = (x) => seen.push(x.toArray());
  linear.gate = floatTensor([1, 0, 1], [3]);
  t.same(linear.forward(floatTensor([1, 5, 2], [1, 3])).toArray(), [7, 16]);
  t.same(seen, [[1, 0, 2]]);
});

test('when the branch has dropout, then A sees what it makes of x, and W sees x', (t) => {
  const linear = new Linear(source(tensors()), 3, 2);
  const x = floatTensor([1, 2, 3], [1, 3]);
  const A = floatTensor([1, 0, 1], [1, 3]);
  const B = floatTensor([2, -1], [2, 1]);
  const plain = linear.forward(x).toArray();
  const dropout = { training: true, forward: () => floatTensor([0, 2, 6], [1, 3]) };
  linear.lora = { A, B, scale: 0.5, dropout };
  t.same(linear.forward(x).toArray(), [plain[0]! + 6, plain[1]! - 3]);
});

test('when a delta is added, then to the weight in place, however it is stored', (t) => {
  const linear = new Linear(source(tensors()), 3, 2);
  linear.addDelta(floatTensor([1, 0, 0, 0, 0, -1], [2, 3]));
  t.same(linear.weight.toArray(), [2, 2, 3, 4, 5, 5]);
  const weight = floatTensor([1, 2, 3, 4, 5, 6], [3, 2]);
  const transposed = new Linear(source({ weight }), 3, 2, false, 'in-out');
  transposed.addDelta(floatTensor([10, 20, 30, 40, 50, 60], [2, 3]));
  t.same(weight.toArray(), [11, 42, 23, 54, 35, 66]);
});

test('when weights are narrower than factors, then the branch computes in the factors’ type', (t) => {
  const weight = to(floatTensor([1, 2, 3, 4, 5, 6], [2, 3]), 'cpu', 'bfloat16');
  const linear = new Linear(source({ weight }), 3, 2);
  const x = to(floatTensor([1, 2, 3], [1, 3]), 'cpu', 'bfloat16');
  const A = floatTensor([1, 0, 1.001], [1, 3]); // 1.001 is no bfloat16
  const B = floatTensor([2, -1], [2, 1]);
  linear.lora = { A, B, scale: 100 };
  const y = linear.forward(x);
  t.equal(y.dtype, 'bfloat16');
  t.same(y.toArray(), [816, -368]); // 14 + 800.6 and 32 − 400.3, to eight bits
});
