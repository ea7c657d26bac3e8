import { fastLinear } from '../../lib/nn/fast_linear.js';
import { noGrad, backward } from '../../lib/tensor/autograd.js';
import { withRecorder } from '../../lib/tensor/op.js';
import { linear, sumAll } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';

const x = () => floatTensor([1, 2, 3, -1, 0.5, 2], [2, 3]);
const w = () => floatTensor([0.1, -2, 3, 4, 5, -6], [2, 3]);

test('when no gradient is recorded, then the product is that of aten::linear', (t) => {
  const bias = floatTensor([1, -1], [2]);
  const fast = noGrad(() => fastLinear(x(), w(), bias, true)).toArray();
  t.ok(distance(fast, linear(x(), w(), bias).toArray()) < 1e-6);
});

test('when gradients are recorded, then they reach the weight', (t) => {
  const weight = w();
  weight.requiresGrad = true;
  backward(sumAll(fastLinear(x(), weight, null, true)));
  t.same(weight.grad?.toArray(), [0, 2.5, 5, 0, 2.5, 5]);
});

test('when a graph is recorded, then it holds aten::linear', (t) => {
  const seen: string[] = [];
  noGrad(() =>
    withRecorder({ record: ({ op }) => void seen.push(op) }, () =>
      fastLinear(x(), w(), null, true),
    ),
  );
  t.same(seen, ['aten::linear']);
});
