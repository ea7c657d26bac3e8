// Deviations of logits from probabilities and labels, of every type, against their definition in float64.
import { deviations } from '../../lib/tensor/deviations.js';
import { fromTypedArray } from '../../lib/tensor/from_typed_array.js';
import { softmax, to } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { distance, test } from '../fixtures/no_leak.js';

const numbers = (x: Tensor): number[] => Array.from(to(x, 'cpu', 'float64').toArray());
const labelsOf = (rows: number, words: number): Tensor =>
  fromTypedArray(
    BigInt64Array.from({ length: rows }, (_, i) => BigInt((i * 7) % words)),
    [rows],
  );

function expected(logits: number[], p: number[], words: number): [number[], number[]] {
  const rows = logits.length / words;
  const [nats, cross]: [number[], number[]] = [[], []];
  for (let row = 0; row < rows; row++) {
    const of = logits.slice(row * words, (row + 1) * words);
    const most = Math.max(...of);
    const log = most + Math.log(of.reduce((sum, v) => sum + Math.exp(v - most), 0));
    nats.push(log - (of[(row * 7) % words] ?? NaN));
    cross.push(of.reduce((sum, v, i) => sum + (p[row * words + i] ?? NaN) * (v - log), 0));
  }
  return [nats, cross];
}

for (const dtype of ['float32', 'bfloat16', 'float16', 'float64'] as const) {
  test(`when rows of logits in ${dtype} are compared, then −ln q of the labels and Σ p·ln q`, (t) => {
    for (const [rows, words] of [
      [1, 1],
      [3, 5],
      [40, 16],
      [7, 513],
      [65, 2050],
    ] as const) {
      const random = (seed: number, by: number): Tensor =>
        floatTensor(
          randomNumbers(seed, rows * words).map((v) => by * v),
          [rows, words],
        );
      const logits = to(random(rows, 20), 'cpu', dtype);
      const p = softmax(random(words, 3), -1);
      const [nats, cross] = deviations(logits, p, labelsOf(rows, words));
      const [ofLabels, ofAll] = expected(numbers(logits), numbers(p), words);
      t.equal(nats.dtype, 'float64');
      t.ok(distance(numbers(nats), ofLabels) < 1e-6, `labels of ${rows}×${words}`);
      t.ok(distance(numbers(cross), ofAll) < 1e-6, `all of ${rows}×${words}`);
    }
  });
}

test('when a label or a shape does not fit, then it says so', (t) => {
  const p = softmax(floatTensor(randomNumbers(1, 6), [2, 3]), -1);
  const outside = fromTypedArray(BigInt64Array.from([0n, 3n]), [2]);
  t.throws(() => deviations(p, p, outside), { code: 'TENSOR_OP_FAILED', message: /label 3/ });
  t.throws(() => deviations(p, p, labelsOf(3, 3)), { code: 'TENSOR_OP_FAILED', message: /labels/ });
});
