import { type DType, dtypes } from '../../lib/tensor/dtype.js';
import { fromTypedArray } from '../../lib/tensor/from_typed_array.js';
import type { HostArray } from '../../lib/tensor/host_array.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { test } from '../fixtures/no_leak.js';

const bitsOf = (data: HostArray, dtype: DType): number[] =>
  Array.from(new Uint16Array(fromTypedArray(data, [data.length], dtype).toBytes()));

test('when no dtype is said, then it is the array’s own, and the values come back', (t) => {
  const arrays: [HostArray, DType][] = [
    [Float32Array.of(1.5, -0, NaN), 'float32'],
    [Float64Array.of(0.1, Number.MIN_VALUE, -Infinity), 'float64'],
    [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n), 'int64'],
    [Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0), 'int32'],
    [Int16Array.of(-32_768, 32_767, 0), 'int16'],
    [Int8Array.of(-128, 127, 0), 'int8'],
    [Uint8Array.of(0, 1, 255), 'uint8'],
    [Uint16Array.of(0, 1, 65_535), 'uint16'],
    [Uint32Array.of(0, 1, 2 ** 32 - 1), 'uint32'],
    [BigUint64Array.of(0n, 1n, 2n ** 64n - 1n), 'uint64'],
  ];
  for (const [data, dtype] of arrays) {
    const x = fromTypedArray(data, [1, 3]);
    t.equal(x.dtype, dtype);
    t.same(x.shape, [1, 3]);
    t.same(x.toTypedArray(), data, dtype);
  }
  t.equal(fromTypedArray(Buffer.from([1]), [1]).dtype, 'uint8');
  t.same(fromTypedArray(Uint8ClampedArray.of(7), [1]).toArray(), [7]);
});

for (const dtype of ['bfloat16', 'float16'] as const) {
  test(`when any of the 65,536 bit patterns of ${dtype} goes in, then it comes back`, (t) => {
    const every = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const x = fromTypedArray(every, [65_536], dtype);
    t.equal(x.dtype, dtype);
    t.same(new Uint16Array(x.toBytes()), every, 'as bits');
    const values = x.toTypedArray();
    const again = bitsOf(values, dtype);
    const changed = again.filter((bits, i) => bits !== i && !Number.isNaN(values[i]));
    t.same(changed, [], 'as values, NaNs apart');
    t.ok(values.every((v, i) => !Number.isNaN(v) || Number.isNaN(valueOf(again[i]!, dtype))));
  });
}

/** The value of 16 bits, from the definition of the format. */
function valueOf(bits: number, dtype: 'bfloat16' | 'float16'): number {
  const [width, bias] = dtype === 'bfloat16' ? [7, 127] : [10, 15];
  const exponent = (bits & 0x7fff) >> width;
  const fraction = (bits & (2 ** width - 1)) / 2 ** width;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias)
    : sign * (1 + fraction) * 2 ** (exponent - bias);
}

test('when float32 becomes bfloat16, then to the nearest, and a tie to the even one', (t) => {
  const cases: [number, number][] = [
    [1, 0x3f80],
    [1 + 2 ** -8, 0x3f80], // half-way between 1 and 1 + 2⁻⁷: the even one is below
    [1 + 3 * 2 ** -8, 0x3f82], // half-way: the even one is above
    [1 + 2 ** -8 + 2 ** -23, 0x3f81], // just above half-way
    [1 + 2 ** -8 - 2 ** -23, 0x3f80],
    [-(1 + 3 * 2 ** -8), 0xbf82],
    [-0, 0x8000],
    [Infinity, 0x7f80],
    [-Infinity, 0xff80],
    [3.4028234663852886e38, 0x7f80], // the largest float32 is above the largest bfloat16's half step
    [3.3895313892515355e38, 0x7f7f], // the largest bfloat16
    [2 ** -133, 0x0001], // the smallest subnormal
    [2 ** -134, 0x0000], // half of it: even
    [3 * 2 ** -134, 0x0002],
    [2 ** -126, 0x0080], // the smallest normal number
  ];
  const given = Float32Array.from(cases, ([value]) => value);
  t.same(
    bitsOf(given, 'bfloat16'),
    cases.map(([, bits]) => bits),
  );
  t.same(
    bitsOf(Float64Array.from(given), 'bfloat16'),
    cases.map(([, bits]) => bits),
  );
});

test('when float32 becomes float16, then to the nearest, and a tie to the even one', (t) => {
  const cases: [number, number][] = [
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 + 2 ** -11 + 2 ** -23, 0x3c01],
    [-(1 + 3 * 2 ** -11), 0xbc02],
    [-0, 0x8000],
    [65_504, 0x7bff], // the largest
    [65_519.99609375, 0x7bff],
    [65_520, 0x7c00], // half-way to what would be next
    [Infinity, 0x7c00],
    [-1e30, 0xfc00],
    [2 ** -24, 0x0001], // the smallest subnormal
    [2 ** -25, 0x0000],
    [2 ** -25 * (1 + 2 ** -20), 0x0001],
    [3 * 2 ** -25, 0x0002],
    [2 ** -14 - 2 ** -24, 0x03ff], // the largest subnormal
    [2 ** -14 - 2 ** -25, 0x0400], // half-way to the smallest normal number
  ];
  t.same(
    bitsOf(
      Float32Array.from(cases, ([value]) => value),
      'float16',
    ),
    cases.map(([, bits]) => bits),
  );
});

test('when random float32 become bfloat16, then as integer arithmetic on their bits rounds', (t) => {
  let state = 1;
  const bits = Uint32Array.from({ length: 20_000 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state ^ (state >>> 13)) >>> 0;
  }).filter((b) => (b & 0x7f800000) !== 0x7f800000);
  t.same(
    bitsOf(new Float32Array(bits.buffer), 'bfloat16'),
    Array.from(bits, (b) => Math.floor((b + 0x7fff + ((b >>> 16) & 1)) / 65_536)),
  );
});

test('when float64 becomes a float of 16 bits, then through float32, as libtorch does it', (t) => {
  const aboveTie = 1 + 2 ** -8 + 2 ** -40;
  t.same(bitsOf(Float64Array.of(aboveTie), 'bfloat16'), [0x3f80]);
});

test('when NaN goes in, then NaN comes out, in every float', (t) => {
  for (const dtype of Object.keys(dtypes).filter((d) => /^b?float(?!4)/.test(d)) as DType[]) {
    const x = fromTypedArray(Float32Array.of(NaN, 1), [2], dtype);
    t.equal(x.dtype, dtype);
    t.same(x.toArray(), [NaN, 1], dtype);
  }
});

test('when floats, bits of 8, complex numbers or truth values are given, then as said', (t) => {
  t.same(fromTypedArray(Float64Array.of(0.1), [1], 'float32').toArray(), [Math.fround(0.1)]);
  t.same(
    fromTypedArray(Float32Array.of(0.1), [], 'float64').toArray(),
    [Math.fround(0.1)],
    'a scalar',
  );
  t.same(fromTypedArray(Uint8Array.of(0x38, 0x7f), [2], 'float8_e4m3fn').toArray(), [1, NaN]);
  const parts = Float32Array.of(1, 2, 3, 4);
  const z = fromTypedArray(parts, [2], 'complex64');
  t.same([z.dtype, z.shape, z.toTypedArray()], ['complex64', [2], parts]);
  t.same(
    fromTypedArray(Uint8Array.of(0, 1, 200), [3], 'bool').toTypedArray(),
    Uint8Array.of(0, 1, 1),
  );
});

test('when array and dtype do not go together, then the error names both', (t) => {
  const before = tensorCount();
  const impossible: [HostArray, DType][] = [
    [Float32Array.of(1), 'int64'],
    [Float32Array.of(1), 'bool'],
    [Float64Array.of(1, 2), 'complex64'],
    [Int32Array.of(1), 'int64'],
    [Int32Array.of(1), 'float32'],
    [Int16Array.of(1), 'bfloat16'],
    [Uint16Array.of(1), 'float8_e5m2'],
    [Uint8Array.of(1), 'float16'],
    [Uint8Array.of(1), 'float4_e2m1fn_x2'],
    [BigInt64Array.of(1n), 'uint64'],
  ];
  for (const [data, dtype] of impossible) {
    t.throws(() => fromTypedArray(data, [1], dtype), {
      code: 'TENSOR_OP_FAILED',
      message: `fromTypedArray: no ${dtype} is made from a ${data.constructor.name}`,
      hint: String,
    });
  }
  t.equal(tensorCount(), before);
});

test('when the shape takes another number of elements, then nothing is made', (t) => {
  const before = tensorCount();
  const failed = { code: 'TENSOR_OP_FAILED' };
  t.throws(() => fromTypedArray(new Float32Array(5), [2, 3]), {
    ...failed,
    message: 'fromTypedArray: shape [2, 3] takes 6 values, got 5',
  });
  t.throws(() => fromTypedArray(new Float32Array(3), [3], 'complex64'), {
    ...failed,
    message: /takes 6 values, got 3/,
  });
  t.throws(() => fromTypedArray(new Float32Array(1), [0.5, 2]), failed);
  t.throws(() => fromTypedArray(new Float32Array(1), [-1, -1]), failed);
  t.throws(() => fromTypedArray(new Float32Array(0), []), failed, 'a scalar is one element');
  t.same(fromTypedArray(new Float32Array(0), [0, 3]).toArray(), []);
  t.equal(tensorCount(), before + 1);
});
