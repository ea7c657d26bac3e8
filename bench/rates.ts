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

/** FLOP a second of the product of two square matrices of random numbers: GPUs multiply constant ones faster. */
function gemmRate(device: string, dtype: DType): number {
  const extent = sideOn(device);
  return noGrad(() =>
    scoped(() => {
      const { id } = randomStream(0, device);
      const drawn = (): Tensor => normal_(empty([extent, extent], dtype, device), 0, 1, id);
      const [a, b] = [drawn(), drawn()];
      return (2 * extent ** 3) / secondsOf(device, () => matmul(a, b));
    }),
  );
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
