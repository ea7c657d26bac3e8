import { Embedding } from '../../lib/nn/embedding.js';
import { floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const embedding = (): Embedding =>
  new Embedding((_name, shape) => floatTensor([1, 2, 3, 4, 5, 6], shape), 3, 2);

test('when tokens are embedded, then each gets its row', (t) => {
  const y = embedding().forward(longTensor([2, 0, 2], [1, 3]));
  t.same(
    [y.shape, y.toArray()],
    [
      [1, 3, 2],
      [5, 6, 1, 2, 5, 6],
    ],
  );
});

test('when a token is not in the vocabulary, then TENSOR_OP_FAILED', (t) => {
  for (const token of [3, -1]) {
    t.throws(() => embedding().forward(longTensor([token], [1, 1])), { code: 'TENSOR_OP_FAILED' });
  }
});
