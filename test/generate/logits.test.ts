import t from 'tap';
import { keepMinP, keepTopK, keepTopP, penalise, softmax } from '../../lib/generate/logits.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const cut = (values: ArrayLike<number>, how: (logits: Float32Array) => void): number[] => {
  const logits = Float32Array.from(values);
  how(logits);
  return [...logits.keys()].filter((i) => logits[i] !== -Infinity);
};

t.test('when k tokens are kept, then those of a sort, for any k', (t) => {
  const values = randomNumbers(3, 101).map((x) => Math.round(x * 40));
  for (let k = 1; k <= 102; k++) {
    const least = [...values].sort((a, b) => b - a)[Math.min(k, 101) - 1]!;
    const expected = [...values.keys()].filter((i) => values[i]! >= least);
    t.strictSame(
      cut(values, (logits) => keepTopK(logits, k)),
      expected,
      String(k),
    );
  }
  t.end();
});

t.test('when a share of probability is kept, then by the definition, without sorting all', (t) => {
  for (const seed of [1, 2, 3]) {
    const values = randomNumbers(seed, 500).map((x) => x * 12);
    const p = softmax(values);
    const order = [...p.keys()].sort((a, b) => p[a]! - p[b]!);
    for (const share of [0.05, 0.5, 0.9, 0.99]) {
      let sum = 0;
      const removed = order.filter((i) => (sum += p[i]!) <= 1 - share);
      const expected = order.filter((i) => !removed.includes(i)).sort((a, b) => a - b);
      t.strictSame(
        cut(values, (logits) => keepTopP(logits, share)),
        expected,
        `${seed} ${share}`,
      );
    }
  }
  t.end();
});

t.test('when cuts are extreme, then the most probable token stays', (t) => {
  t.strictSame(
    cut([1, 3, 2], (logits) => keepTopP(logits, 1e-9)),
    [1],
  );
  t.strictSame(
    cut([1, 3, 2], (logits) => keepMinP(logits, 1)),
    [1],
  );
  t.strictSame(
    cut([1, 3, 2], (logits) => keepTopK(logits, 1)),
    [1],
  );
  t.end();
});

t.test(
  'when tokens occurred, then each is penalised once, and ids beyond the logits are passed over',
  (t) => {
    const logits = Float32Array.of(2, -2, 4);
    penalise(logits, [0, 0, 1, 7], 2);
    t.strictSame([...logits], [1, -4, 4]);
    t.end();
  },
);
