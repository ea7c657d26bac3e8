import { type DType, dtypes } from '../../lib/tensor/dtype.js';
import { full, to, transpose, zeros } from '../../lib/tensor/ops.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor, longTensor, tensorFrom } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const disposed = { code: 'TENSOR_DISPOSED' };
const failed = { code: 'TENSOR_OP_FAILED' };

test('when bytes go in, then the same bytes come out, in every type', (t) => {
  const bytes = Uint8Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % 256);
  for (const [dtype, [, , width]] of Object.entries(dtypes) as [DType, (typeof dtypes)[DType]][]) {
    const given = dtype === 'bool' ? bytes.map((b) => b & 1) : bytes;
    const x = tensorFrom(given, dtype, [2, 24 / width]);
    t.equal(x.dtype, dtype);
    t.same(x.shape, [2, 24 / width]);
    t.same(new Uint8Array(x.toBytes()), given, dtype);
  }
});

test('when whole numbers are read, then exactly', (t) => {
  const values = [0, 1, -1, 127, -128];
  for (const dtype of ['int8', 'int16', 'int32', 'int64'] as const) {
    t.same(to(floatTensor(values, [5]), 'cpu', dtype).toArray(), values, dtype);
  }
  t.same(longTensor([2 ** 53 - 1, -(2 ** 53) + 1], [2]).toArray(), [2 ** 53 - 1, -(2 ** 53) + 1]);
  t.same(to(floatTensor([0, 200, 255], [3]), 'cpu', 'uint8').toArray(), [0, 200, 255]);
  t.same(to(floatTensor([0, 2, -1], [3]), 'cpu', 'bool').toArray(), [0, 1, 1]);
});

for (const dtype of ['float16', 'bfloat16'] as const) {
  test(`when any of the 65,536 values of ${dtype} is read, then libtorch widens it alike`, (t) => {
    const x = tensorFrom(
      Uint16Array.from({ length: 65_536 }, (_, i) => i),
      dtype,
      [65_536],
    );
    const ours = x.toArray();
    const theirs = to(x, 'cpu', 'float32').toArray();
    t.equal(
      ours.findIndex((value, i) => !Object.is(value, theirs[i])),
      -1,
      'infinities, NaNs, subnormals and signed zeros too',
    );
    t.ok(ours.filter(Number.isNaN).length > 100 && ours.includes(-Infinity));
    t.same(Array.from(x.toFloat32().slice(0, 5)), ours.slice(0, 5));
  });
}

test('when a tensor is transposed, then its elements are read row by row', (t) => {
  const x = floatTensor([1, 2, 3, 4, 5, 6], [2, 3]);
  const y = transpose(x, 0, 1);
  t.same(y.shape, [3, 2]);
  t.same(y.toArray(), [1, 4, 2, 5, 3, 6]);
  t.same(Array.from(y.toFloat32()), [1, 4, 2, 5, 3, 6]);
  t.same([x.size, x.extent(0), x.extent(-1), x.extent(5)], [6, 2, 3, NaN]);
});

test('when the view starts inside a buffer, then only its part is taken', (t) => {
  const whole = Float32Array.of(9, 1, 2, 9);
  t.same(tensorFrom(whole.subarray(1, 3), 'float32', [2]).toArray(), [1, 2]);
  whole[1] = 100;
  t.same(tensorFrom(Buffer.from([7, 8]), 'uint8', [2]).toArray(), [7, 8]);
  const bytes = new Uint8Array([0, 7, 8, 0]);
  t.same(tensorFrom(new DataView(bytes.buffer, 1, 2), 'uint8', [2]).toArray(), [7, 8]);
});

test('when bytes and shape do not fit, then nothing is made', (t) => {
  const before = tensorCount();
  t.throws(() => tensorFrom(new Float32Array(3), 'float32', [2, 2]), {
    ...failed,
    message: /tensorFrom: shape takes 16 bytes, got 12/,
  });
  t.throws(() => tensorFrom(new Float32Array(1), 'float32', [0.5]), failed);
  t.throws(() => tensorFrom(new Float32Array(1), 'float32', [-1]), failed);
  t.throws(() => tensorFrom([1] as unknown as Float32Array, 'float32', [1]), failed);
  t.equal(tensorCount(), before);
});

test('when a tensor has no elements or no dimensions, then that works', (t) => {
  const none = tensorFrom(new Float32Array(0), 'float32', [0, 3]);
  t.same([none.size, none.toArray(), none.toBytes().byteLength], [0, [], 0]);
  const scalar = full([], 2.5, 'float64');
  t.same([scalar.shape, scalar.size, scalar.item()], [[], 1, 2.5]);
  t.equal(full([1], 1, 'bool').item(), 1);
});

test('when one value is asked of many, then that is an error', (t) => {
  t.throws(() => zeros([2]).item(), failed);
});

test('when a tensor is disposed, then every later use is TENSOR_DISPOSED', (t) => {
  const x = zeros([2]);
  x.dispose();
  t.equal(x.alive, false);
  t.throws(() => x.shape, disposed);
  t.throws(() => x.dtype, disposed);
  t.throws(() => x.device, disposed);
  t.throws(() => x.requiresGrad, disposed);
  t.throws(() => x.grad, disposed);
  t.throws(() => x.item(), disposed);
  t.throws(() => x.toArray(), disposed);
  t.throws(() => x.toFloat32(), disposed);
  t.throws(() => x.toBytes(), disposed);
  t.throws(() => (x.requiresGrad = true), disposed);
  t.throws(() => x.dispose(), { ...disposed, hint: String }, 'also a second dispose');
});

test('when `using` ends, then the tensor is gone', (t) => {
  let seen;
  {
    using x = zeros([1]);
    seen = x;
    t.equal(x.alive, true);
  }
  t.equal(seen.alive, false);
});

test('when a whole-number tensor should take gradients, then that is an error', (t) => {
  t.throws(() => (longTensor([1], [1]).requiresGrad = true), failed);
});
