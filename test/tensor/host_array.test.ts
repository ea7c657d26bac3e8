import { type DType, dtypes } from '../../lib/tensor/dtype.js';
import { type HostArray, naturalDtype } from '../../lib/tensor/host_array.js';
import { to } from '../../lib/tensor/ops.js';
import { tensorFrom } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const bytes = Uint8Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % 256);

const own: Partial<Record<DType, new (buffer: ArrayBuffer) => HostArray>> = {
  ...{ uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array },
  ...{ int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array },
  ...{ float32: Float32Array, float64: Float64Array },
};

for (const [dtype, array] of Object.entries(own) as [DType, (typeof own)[DType] & {}][]) {
  test(`when elements are ${dtype}, then a ${array.name} holds their bytes`, (t) => {
    const given = new array(bytes.slice().buffer);
    const read = tensorFrom(bytes, dtype, [48 / dtypes[dtype][2]]).toTypedArray();
    t.equal(read.constructor, array);
    t.same(read, given);
    t.equal(naturalDtype(given), dtype);
  });
}

for (const dtype of ['bfloat16', 'float16', 'float8_e5m2', 'float8_e4m3fn'] as const) {
  test(`when elements are ${dtype}, then they are widened as libtorch does it`, (t) => {
    const count = 256 ** dtypes[dtype][2];
    const every = Uint32Array.from({ length: count }, (_, i) => i);
    const x = tensorFrom(count > 256 ? Uint16Array.from(every) : Uint8Array.from(every), dtype, [
      count,
    ]);
    const ours = x.toTypedArray();
    const theirs = to(x, 'cpu', 'float32').toTypedArray();
    t.ok(ours instanceof Float32Array);
    t.equal(
      ours.findIndex((value, i) => !Object.is(value, theirs[i])),
      -1,
    );
  });
}

test('when elements are bool or complex, then as bytes of 0 and 1, or as re, im, re, im', (t) => {
  t.same(tensorFrom(Uint8Array.of(0, 1), 'bool', [2]).toTypedArray(), Uint8Array.of(0, 1));
  const parts = Float32Array.of(1, -2, 3, 0.5);
  t.same(tensorFrom(parts, 'complex64', [2]).toTypedArray(), parts);
});

test('when elements are pairs of four bits, then that is an error that says where they are', (t) => {
  const x = tensorFrom(bytes, 'float4_e2m1fn_x2', [48]);
  t.throws(() => x.toTypedArray(), { code: 'TENSOR_OP_FAILED', hint: /toBytes/ });
});

test('when the array is changed, then the tensor is not', (t) => {
  const x = tensorFrom(Float32Array.of(1, 2), 'float32', [2]);
  x.toTypedArray()[0] = 9;
  t.same(x.toArray(), [1, 2]);
});
