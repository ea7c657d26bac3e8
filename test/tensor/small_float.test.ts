import { to } from '../../lib/tensor/ops.js';
import { widenFloat8 } from '../../lib/tensor/small_float.js';
import { tensorFrom } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const every = Uint8Array.from({ length: 256 }, (_, i) => i);
const types = [
  ...(Object.keys(widenFloat8) as (keyof typeof widenFloat8)[]),
  'float8_e5m2',
] as const;

for (const dtype of types) {
  test(`when any byte of ${dtype} is read, then libtorch widens it alike`, (t) => {
    const x = tensorFrom(every, dtype, [256]);
    const theirs = to(x, 'cpu', 'float32').toArray();
    t.same(
      x
        .toArray()
        .flatMap((value, i) => (Object.is(value, theirs[i]) ? [] : [[i, value, theirs[i]]])),
      [],
    );
  });
}

test('when elements are no numbers, then their bytes are there and toArray says so', (t) => {
  for (const dtype of ['complex64', 'float4_e2m1fn_x2'] as const) {
    const x = tensorFrom(every, dtype, [256 / (dtype === 'complex64' ? 8 : 1)]);
    t.same(new Uint8Array(x.toBytes()), every);
    t.throws(() => x.toArray(), { code: 'TENSOR_OP_FAILED', hint: /toBytes/ });
  }
});

test('when unsigned integers are read, then the upper half is positive', (t) => {
  t.same(tensorFrom(Uint16Array.of(65_535), 'uint16', [1]).toArray(), [65_535]);
  t.same(tensorFrom(Uint32Array.of(4_294_967_295), 'uint32', [1]).toArray(), [4_294_967_295]);
  t.same(tensorFrom(BigUint64Array.of(2n ** 63n), 'uint64', [1]).toArray(), [2 ** 63]);
});
