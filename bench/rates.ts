// What the machine can do, measured by libtorch in the measuring process itself: bandwidths and GEMM rates.
import { noGrad } from '../lib/tensor/autograd.js';
import type { DType } from '../lib/tensor/dtype.js';
import { copy_, empty, full, matmul, normal_, scale_, sumAll } from '../lib/tensor/ops.js';
import { randomStream } from '../lib/tensor/random.js';
import { scoped } from '../lib/tensor/scope.js';
import type { Tensor } from '../lib/tensor/tensor.js';
import { waiterFor } from './device.js';
import type { Bandwidths, Rates } from './measuring_process.js';
import { median } from './statistics.js';
import { timed } from './timed.js';

/** Bytes that a measurement of bandwidth touches at most. */
const mostBytes = 512 * 2 ** 20;
/** Of the matrices whose product tells the GEMM rate: large enough to fill the device. */
const sideOn = (device: string): number => (device === 'cpu' ? 2048 : 8192);
/** No product takes longer: libtorch multiplies bf16 one by one where the processor does not, 2048³ in a minute. */
const mostSeconds = 2;

/** Median time of a call, of at least three. */
const secondsOf = (device: string, call: () => unknown): number => {
  const wait = waiterFor(device);
  const measure = timed({ call: () => scoped(() => void call()), wait });
  measure({ seconds: 1, calls: 1 });
  const few = measure({ seconds: 1, calls: 3 }).values;
  return median([...few, ...measure({ seconds: 0.02, calls: 50 }).values]);
};

/**
 * Bytes a second, read and written counted once each, of a copy from one half of `footprint` bytes to the other and of
 * scaling as many in place. The memory of most machines reads a line before a copy writes it, so that copying moves
 * half as much again.
 */
export function bandwidths(device: string, footprint = mostBytes): Bandwidths {
  return noGrad(() =>
    scoped(() => {
      const elements = Math.ceil(Math.min(footprint, mostBytes) / 4);
      const from = full([Math.ceil(elements / 2)], 1, 'float32', device);
      const to = full([Math.ceil(elements / 2)], 0, 'float32', device);
      const whole = full([elements], 1, 'float32', device);
      return {
        copy: (4 * elements) / secondsOf(device, () => copy_(to, from)),
        inPlace: (2 * 4 * elements) / secondsOf(device, () => scale_(whole, 1)),
      };
    }),
  );
}

/** Median time of the product of two square matrices of random numbers: GPUs multiply constant ones faster. */
function productSeconds(extent: number, device: string, dtype: DType): number {
  return noGrad(() =>
    scoped(() => {
      const { id } = randomStream(0, device);
      const drawn = (): Tensor => normal_(empty([extent, extent], dtype, device), 0, 1, id);
      const [a, b] = [drawn(), drawn()];
      return secondsOf(device, () => matmul(a, b));
    }),
  );
}

/** FLOP a second of a product of the device's side, or of the largest that does not take too long. */
function gemmRate(device: string, dtype: DType): number {
  for (let extent = 256; ; extent *= 2) {
    const seconds = productSeconds(extent, device, dtype);
    const isLast = extent >= sideOn(device) || 8 * seconds > mostSeconds;
    if (isLast) return (2 * extent ** 3) / seconds;
  }
}

/** Bandwidths in bytes a second, GEMM rates in FLOP a second. */
export function rates(device: string): Rates {
  return noGrad(() =>
    scoped(() => {
      const x = full([mostBytes / 4], 1, 'float32', device);
      return {
        ...bandwidths(device),
        read: mostBytes / secondsOf(device, () => sumAll(x)),
        gemmFloat32: gemmRate(device, 'float32'),
        gemmBfloat16: gemmRate(device, 'bfloat16'),
      };
    }),
  );
}
