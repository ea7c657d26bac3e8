import t from 'tap';
import { identity, ridge } from '../../lib/saliency/ridge.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { tensorFrom } from '../../lib/tensor/tensor.js';

t.test(
  'when a Gram matrix is regularised, then 1 % of its mean diagonal is added to the diagonal alone',
  (t) => {
    const gram = tensorFrom(Float64Array.of(4, 1, 1, 8), 'float64', [2, 2]);
    const sum = tensorFrom(new Float64Array(2), 'float64', [2]);
    const before = tensorCount();
    const H = ridge({ gram, sum, count: 3 });
    t.equal(tensorCount(), before + 1);
    t.equal(H.dtype, 'float64');
    t.strictSame(H.toArray(), [4.06, 1, 1, 8.06]);
    t.strictSame(gram.toArray(), [4, 1, 1, 8], 'in a new tensor');
    for (const tensor of [H, gram, sum]) tensor.dispose();
    t.end();
  },
);

t.test('when an identity is made, then it is one', (t) => {
  const eye = identity(3);
  t.strictSame(eye.toArray(), [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  eye.dispose();
  t.end();
});
