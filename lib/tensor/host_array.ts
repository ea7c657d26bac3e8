// Elements of a tensor as JavaScript's typed arrays: which array a type has, and its bytes read as one.
import { LoraShearError } from '../errors.js';
import type { DType } from './dtype.js';
import { widenBfloat16, widenFloat16, widenFloat8 } from './small_float.js';

/** A typed array that holds the elements of some dtype. */
export type HostArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * A tensor's bytes as the typed array of its dtype; where JavaScript has the type, a view of `bytes`. Floats of 16 and
 * 8 bits become float32 exactly; complex64 is re, im, re, im, …
 * @throws TENSOR_OP_FAILED for packed pairs of four bits
 */
export function hostArrayOf(bytes: ArrayBuffer, dtype: DType): HostArray {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return new Float32Array(bytes);
    case 'float64':
      return new Float64Array(bytes);
    case 'int64':
      return new BigInt64Array(bytes);
    case 'int32':
      return new Int32Array(bytes);
    case 'int16':
      return new Int16Array(bytes);
    case 'int8':
      return new Int8Array(bytes);
    case 'uint8':
    case 'bool':
      return new Uint8Array(bytes);
    case 'uint16':
      return new Uint16Array(bytes);
    case 'uint32':
      return new Uint32Array(bytes);
    case 'uint64':
      return new BigUint64Array(bytes);
    case 'bfloat16':
      return widenBfloat16(new Uint16Array(bytes));
    case 'float16':
      return widened(new Uint16Array(bytes), widenFloat16);
    case 'float8_e5m2':
      return widened(new Uint8Array(bytes), (bits) => widenFloat16(bits << 8));
    case 'float8_e4m3fn':
    case 'float8_e5m2fnuz':
    case 'float8_e4m3fnuz':
    case 'float8_e8m0fnu':
      return widened(new Uint8Array(bytes), widenFloat8[dtype]);
    case 'float4_e2m1fn_x2':
      throw noNumber('toTypedArray', dtype);
  }
}

/** The error of asking for numbers where the elements are none. */
export function noNumber(where: string, dtype: DType): LoraShearError {
  return new LoraShearError('TENSOR_OP_FAILED', `${where}: ${dtype} is no number`, {
    hint: 'take toBytes(), or convert it to another dtype first',
  });
}

function widened(
  stored: Uint8Array | Uint16Array,
  widen: (bits: number) => number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(stored.length);
  for (let i = 0; i < values.length; i++) values[i] = widen(stored[i]!);
  return values;
}

/** The dtype whose elements `data` holds as they are. A Buffer, and clamped bytes, are uint8. */
export function naturalDtype(data: HostArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint16Array) return 'uint16';
  if (data instanceof Uint32Array) return 'uint32';
  if (data instanceof BigUint64Array) return 'uint64';
  return 'uint8';
}
