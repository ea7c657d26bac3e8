import {
  disposeStatistics,
  inputStatistics,
  squaresOf,
} from '../../lib/calibration/input_statistics.js';
import { createContext } from '../../lib/context.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { type TokenBatch, tokensOf } from '../../lib/train/language_model_loss.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomLlama } from '../fixtures/random_llama.js';

const batches: TokenBatch[] = [
  { ids: Int32Array.of(1, 5, 9, 2, 30, 8), batch: 2, length: 3 },
  { ids: Int32Array.of(7, 7, 0, 3), batch: 1, length: 4 },
];
const paths = ['model.layers.0.mlp.down_proj', 'model.layers.1.self_attn.o_proj'];
const ctx = createContext();

/** Rows that reach each linear, seen one by one. */
function rowsOf(model: ReturnType<typeof randomLlama>): Map<string, number[][]> {
  const linears = model.linears();
  const seen = new Map<string, number[][]>(paths.map((path) => [path, []]));
  for (const path of paths) {
    const linear = linears.get(path)!;
    linear.observer = (x) => {
      const values = x.toArray();
      const n = linear.inFeatures;
      for (let i = 0; i < values.length; i += n) seen.get(path)!.push(values.slice(i, i + n));
    };
  }
  noGrad(() => {
    for (const batch of batches) model.forward(tokensOf(batch));
  });
  for (const path of paths) linears.get(path)!.observer = null;
  return seen;
}

test('when text runs through, then counts, sums and products are those of the rows', (t) => {
  const model = randomLlama({ biases: true });
  const rows = rowsOf(model);
  const before = tensorCount();
  const statistics = inputStatistics(ctx, model, paths, batches);
  t.equal(tensorCount(), before + 4);
  t.same([...statistics.keys()], paths);
  for (const [path, { gram, sum, count }] of statistics) {
    const xs = rows.get(path)!;
    const n = xs[0]!.length;
    t.equal(count, 10);
    t.same([gram.shape, gram.dtype, sum.dtype], [[n, n], 'float64', 'float64']);
    const product = (i: number, j: number): number => xs.reduce((s, x) => s + x[i]! * x[j]!, 0);
    const expected = Array.from({ length: n * n }, (_, k) => product(Math.floor(k / n), k % n));
    t.ok(distance(gram.toArray(), expected) < 1e-6);
    const sums = Array.from({ length: n }, (_, i) => xs.reduce((s, x) => s + x[i]!, 0));
    t.ok(distance(sum.toArray(), sums) < 1e-6);
  }
  disposeStatistics(statistics);
  for (const path of paths) t.equal(model.linears().get(path)!.observer, null);
  model.dispose();
});

test('when squares alone are asked for, then they are the diagonal of the products, and n numbers', (t) => {
  const model = randomLlama({ biases: true });
  const whole = inputStatistics(ctx, model, paths, batches);
  const alone = inputStatistics(ctx, model, paths, batches, 'squares');
  for (const path of paths) {
    const [full, small] = [whole.get(path)!, alone.get(path)!];
    const n = model.linears().get(path)!.inFeatures;
    t.same([small.gram.shape, small.gram.dtype, small.count], [[n], 'float64', full.count]);
    const expected = full.gram.toArray().filter((_, k) => k % (n + 1) === 0);
    const diagonal = squaresOf(full);
    t.same(diagonal.toArray(), expected);
    t.ok(distance(squaresOf(small).toArray(), expected) < 1e-6);
    t.same(small.sum.toArray(), full.sum.toArray());
    diagonal.dispose();
  }
  for (const statistics of [whole, alone]) disposeStatistics(statistics);
  model.dispose();
});

test('when inputs are gated, then what the linear gets is counted', (t) => {
  const model = randomLlama();
  const [path] = paths as [string];
  const linear = model.linears().get(path)!;
  linear.gate = floatTensor(
    Array.from({ length: linear.inFeatures }, (_, i) => (i === 3 ? 0 : 1)),
    [linear.inFeatures],
  );
  const statistics = inputStatistics(ctx, model, [path], batches);
  const sums = statistics.get(path)!.sum.toArray();
  t.equal(sums[3], 0);
  t.ok(sums.filter((x) => x === 0).length === 1);
  disposeStatistics(statistics);
  model.dispose();
});

test('when a path is no linear of the model, then PARTITION_INVALID and nothing stays', (t) => {
  const model = randomLlama();
  const before = tensorCount();
  t.throws(() => inputStatistics(ctx, model, [...paths, 'model.layers.9.mlp.up_proj'], batches), {
    code: 'PARTITION_INVALID',
    message: /layers\.9/,
  });
  t.equal(tensorCount(), before);
  for (const { observer } of model.linears().values()) t.equal(observer, null);
  model.dispose();
});

test('when the user stops or the text is wrong, then nothing stays', (t) => {
  const model = randomLlama();
  model.hidden(tokensOf(batches[0]!)); // makes the rotations of this length
  const before = tensorCount();
  let asked = 0;
  const stopped = createContext({ aborted: () => ++asked > 1 });
  t.throws(() => inputStatistics(stopped, model, paths, [batches[0]!, batches[0]!]), {
    code: 'RUN_ABORTED',
  });
  t.equal(tensorCount(), before);
  const wrong = { ids: Int32Array.of(1, 2, 99), batch: 1, length: 3 };
  t.throws(() => inputStatistics(ctx, model, paths, [wrong]), { code: 'TENSOR_OP_FAILED' });
  t.equal(tensorCount(), before);
  for (const { observer } of model.linears().values()) t.equal(observer, null);
  model.dispose();
});
