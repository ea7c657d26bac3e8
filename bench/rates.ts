// What the machine can do, measured by libtorch in the measuring process itself: bandwidths and GEMM rates.
import { noGrad } from '../lib/tensor/autograd.js';
import type { DType } from '../lib/tensor/dtype.js';
import { copy_, full, matmul, scale_, sumAll } from '../lib/tensor/ops.js';
import { scoped } from '../lib/tensor/scope.js';
import { waiterFor } from './device.js';
import type { Bandwidths, Rates } from './measuring_process.js';
import { median } from './statistics.js';
import { timed } from './timed.js';

/** Floats of one array: 256 MiB. */
const elements = 64 * 2 ** 20;
const side = 2048;

const secondsOf = (device: string, call: () => unknown, calls: number): number => {
  const wait = waiterFor(device);
  const measure = timed({ call: () => scoped(() => void call()), wait });
  measure({ seconds: 10, calls: 1 });
  return median(measure({ seconds: 10, calls }).values);
};

/**
 * Bytes a second, read and written counted once each, of a copy between two arrays of 256 MiB and of scaling one in
 * place. The memory of most machines reads a line before a copy writes it, so that copying moves half as much again.
 */
export function bandwidths(device: string): Bandwidths {
  return noGrad(() =>
    scoped(() => {
      const from = full([elements], 1, 'float32', device);
      const to = full([elements], 0, 'float32', device);
      const bytes = 2 * 4 * elements;
      return {
        copy: bytes / secondsOf(device, () => copy_(to, from), 3),
        inPlace: bytes / secondsOf(device, () => scale_(from, 1), 3),
      };
    }),
  );
}

/** Bandwidths in bytes a second, GEMM rates in FLOP a second. */
export function rates(device: string): Rates {
  return noGrad(() =>
    scoped(() => {
      const gemm = (dtype: DType): number =>
        scoped(() => {
          const a = full([side, side], 0.5, dtype, device);
          const b = full([side, side], 0.5, dtype, device);
          return (2 * side ** 3) / secondsOf(device, () => matmul(a, b), 3);
        });
      const x = full([elements], 1, 'float32', device);
      return {
        ...bandwidths(device),
        read: (4 * elements) / secondsOf(device, () => sumAll(x), 3),
        gemmFloat32: gemm('float32'),
        gemmBfloat16: gemm('bfloat16'),
      };
    }),
  );
}
