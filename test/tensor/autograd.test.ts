import { backward, clearGrads, enableGrad, grad, noGrad } from '../../lib/tensor/autograd.js';
import { mul, mul_, scale, scale_, sumAll, view, zeros } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

function leaf(values: number[]): Tensor {
  const x = floatTensor(values, [values.length]);
  x.requiresGrad = true;
  return x;
}
const failed = { code: 'TENSOR_OP_FAILED' };

test('when backward runs, then leaves hold the gradient, and a second run adds to it', (t) => {
  const x = leaf([1, 2]);
  const constant = floatTensor([3, 4], [2]);
  t.equal(x.grad, null);
  const loss = (): Tensor => sumAll(mul(mul(x, x), constant));
  backward(loss());
  t.same(x.grad?.toArray(), [6, 16]);
  t.equal(constant.grad, null);
  backward(loss());
  t.same(x.grad?.toArray(), [12, 32]);
  clearGrads([x]);
  t.equal(x.grad, null);
});

test('when the scope of the forward pass is over, then backward still works', (t) => {
  const x = leaf([1, 2]);
  const before = tensorCount();
  const loss = scoped(() => sumAll(mul(scale(x, 2), scale(x, 3))));
  t.equal(tensorCount(), before + 1, 'only the loss has a handle');
  backward(loss);
  t.same(x.grad?.toArray(), [12, 24]);
});

test('when grad is asked, then it comes back and leaves hold none', (t) => {
  const x = leaf([1, 2]);
  const y = leaf([5, 7]);
  const unused = leaf([1]);
  const results = grad([sumAll(mul(x, y))], [x, y, unused]);
  t.same(
    results.map((g) => g?.toArray() ?? null),
    [[5, 7], [1, 2], null],
  );
  t.equal(x.grad, null);
});

test('when the output has many elements, then cotangents say how they count', (t) => {
  const x = leaf([1, 2]);
  const [g] = grad([mul(x, x)], [x], { cotangents: [floatTensor([10, 1], [2])] });
  t.same(g?.toArray(), [20, 4]);
  t.throws(() => grad([mul(x, x)], [x]), failed);
  t.throws(() => backward(mul(x, x)), failed);
});

test('when the graph is kept, then it serves twice; else the second time is an error', (t) => {
  const x = leaf([3]);
  const kept = sumAll(mul(x, x));
  backward(kept, { retainGraph: true });
  backward(kept);
  t.same(x.grad?.toArray(), [12]);
  const once = sumAll(mul(x, x));
  backward(once);
  t.throws(() => backward(once), failed);
  const asked = sumAll(mul(x, x));
  grad([asked], [x], { retainGraph: true });
  t.same(grad([asked], [x])[0]?.toArray(), [6]);
});

test('when gradients are off, then nothing is recorded, and the mode comes back', (t) => {
  const x = leaf([1]);
  t.equal(
    noGrad(() => mul(x, x).requiresGrad),
    false,
  );
  t.equal(
    noGrad(() => enableGrad(() => mul(x, x).requiresGrad)),
    true,
  );
  t.equal(
    noGrad(() => noGrad(() => 1) && mul(x, x).requiresGrad),
    false,
    'the inner end does not turn it on',
  );
  t.throws(() =>
    noGrad(() => {
      throw new Error('within');
    }),
  );
  t.equal(mul(x, x).requiresGrad, true);
  t.throws(() => backward(noGrad(() => sumAll(x))), failed);
});

test('when a handle is stale, then the error is typed and no gradient is lost', (t) => {
  const x = leaf([1]);
  backward(sumAll(x));
  const gone = zeros([1]);
  gone.dispose();
  const disposed = { code: 'TENSOR_DISPOSED' };
  t.throws(() => backward(gone), disposed);
  t.throws(() => grad([gone], [x]), disposed);
  t.throws(() => clearGrads([x, gone]), disposed);
  t.same(x.grad?.toArray(), [1]);
  t.throws(() => backward(longTensor([1], [1])), failed);
});

test('when a view of a constant is changed in place by what learns, then the constant learns too', (t) => {
  const w = leaf([2, 3]);
  const constant = floatTensor([1, 2, 3, 4], [4]);
  const seen = view(constant, [2, 2]); // nothing here requires a gradient yet
  mul_(seen, w);
  t.same([constant.requiresGrad, constant.isLeaf, w.isLeaf], [true, false, true]);
  t.same(constant.toArray(), [2, 6, 6, 12]);
  backward(sumAll(mul(constant, constant)));
  // d/dw Σ (c·w)² = Σ 2c²w over the column
  t.same(w.grad?.toArray(), [2 * (1 + 9) * 2, 2 * (4 + 16) * 3]);
});

test('when a view made without gradients is changed in place by what learns, then libtorch refuses it', (t) => {
  const w = leaf([2, 3]);
  const seen = noGrad(() => view(w, [2, 1]));
  t.throws(() => mul_(seen, w), failed);
});

test('when a leaf is changed in place after it was recorded, then backward refuses it', (t) => {
  const [x, y] = [leaf([1, 2]), leaf([3, 4])];
  const product = mul(x, y);
  noGrad(() => scale_(x, 2));
  t.throws(() => backward(sumAll(product)), {
    ...failed,
    message: /modified by an inplace operation/,
  });
});
