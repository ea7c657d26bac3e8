import t from 'tap';
import { floatTensorOn, longTensorOn } from '../../lib/tensor/placed.js';
import { tensorCount } from '../../lib/tensor/scope.js';

t.test(
  'when numbers are placed on a device, then the tensor is there and nothing stays on the host',
  (t) => {
    const before = tensorCount();
    for (const [device, found] of [
      ['cpu', 'cpu'],
      ['cpu:0', 'cpu'], // another way to libtorch's CPU
      ['meta', 'meta'],
    ] as const) {
      using ids = longTensorOn(device, [3, 1, 2, 4], [2, 2]);
      using gate = floatTensorOn(device, new Float32Array([0, 1]));
      t.same([ids.device, ids.dtype, ids.shape], [found, 'int64', [2, 2]]);
      t.same([gate.device, gate.dtype, gate.shape], [found, 'float32', [2]]);
      if (device === 'meta') continue;
      t.same(ids.toArray(), [3, 1, 2, 4]);
      t.same(gate.toArray(), [0, 1]);
    }
    t.equal(tensorCount(), before);
    t.end();
  },
);

t.test('when there is no such device, then it is an error and nothing leaks', (t) => {
  const before = tensorCount();
  t.throws(() => longTensorOn('gpu', [1]), { code: 'TENSOR_OP_FAILED' });
  t.equal(tensorCount(), before);
  t.end();
});
