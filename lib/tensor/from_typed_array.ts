// A tensor from a typed array of JavaScript: its bytes where the types are one, else libtorch's conversion.
import { LoraShearError } from '../errors.js';
import { type DType, dtypes } from './dtype.js';
import { type HostArray, naturalDtype } from './host_array.js';
import { to } from './ops.js';
import { type Tensor, tensorFrom } from './tensor.js';

const isFloat = (dtype: DType): boolean => /^b?float(?!4)/.test(dtype);

/** The dtype under which the addon takes the bytes of `natural` for `dtype`; undefined: it does not. */
function storedAs(natural: DType, dtype: DType): DType | undefined {
  if (natural === dtype) return dtype;
  // Values: libtorch rounds to nearest, ties to even; a byte that is not 0 is true.
  if (natural === 'float32' || natural === 'float64') {
    if (dtype === 'complex64') return natural === 'float32' ? dtype : undefined;
    return isFloat(dtype) ? natural : undefined;
  }
  if (dtype === 'bool') return natural === 'uint8' ? natural : undefined;
  // Bits of floats that JavaScript does not have.
  const width = natural === 'uint16' ? 2 : natural === 'uint8' ? 1 : undefined;
  return isFloat(dtype) && dtypes[dtype][2] === width ? dtype : undefined;
}

/**
 * A CPU tensor with a copy of `data`'s elements (row-major).
 *
 * `dtype` is by default what the array holds (Float32Array: float32, BigInt64Array: int64, Uint8Array: uint8, …).
 * Else it may be: of a Float32Array or Float64Array any float, rounded by libtorch to nearest even (float64 to 16 bits
 * goes through float32, as libtorch's `to` does); of a Uint16Array the bits of bfloat16 or float16; of a Uint8Array the
 * bits of a float of 8 bits, or bool; of a Float32Array complex64 as re, im, re, im, …
 * @throws TENSOR_OP_FAILED for another pair, or where `shape` takes another number of elements
 */
export function fromTypedArray(
  data: HostArray,
  shape: readonly number[],
  dtype: DType = naturalDtype(data),
): Tensor {
  const natural = naturalDtype(data);
  const stored = storedAs(natural, dtype);
  if (stored === undefined) {
    throw new LoraShearError(
      'TENSOR_OP_FAILED',
      `fromTypedArray: no ${dtype} is made from a ${data.constructor.name}`,
      { hint: `make ${natural} and convert it with ops.to, or give bytes to tensorFrom` },
    );
  }
  const wanted = shape.reduce((a, b) => a * b, 1) * (dtype === 'complex64' ? 2 : 1);
  if (wanted !== data.length) {
    throw new LoraShearError(
      'TENSOR_OP_FAILED',
      `fromTypedArray: shape [${shape.join(', ')}] takes ${wanted} values, got ${data.length}`,
    );
  }
  const made = tensorFrom(data, stored, shape);
  if (stored === dtype) return made;
  try {
    return to(made, 'cpu', dtype);
  } finally {
    made.dispose();
  }
}
