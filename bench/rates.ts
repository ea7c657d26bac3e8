// What the machine can do, measured by libtorch in the measuring process itself: bandwidths and GEMM rates.
import { noGrad } from '../lib/tensor/autograd.js';
import type { DType } from '../lib/tensor/dtype.js';
import { copy_, full, matmul, scale_, sumAll } from '../lib/tensor/ops.js';
import { scoped } from '../lib/tensor/scope.js';
import { waiterFor } from './device.js';
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

/** Bytes a second of a copy between two arrays of 256 MiB (bytes read + bytes written), as `Tensor.copy_` does it. */
export function copyBandwidth(device: string): number {
  return noGrad(() =>
    scoped(() => {
      const from = full([elements], 1, 'float32', device);
      const to = full([elements], 0, 'float32', device);
      return (2 * 4 * elements) / secondsOf(device, () => copy_(to, from), 3);
    }),
  );
}

/** Bandwidths in bytes a second, GEMM rates in FLOP a second. */
export function rates(device: string): Record<string, number> {
  return noGrad(() =>
    scoped(() => {
      const x = full([elements], 1, 'float32', device);
      const gemm = (dtype: DType): number =>
        scoped(() => {
          const [a, b] = [
            full([side, side], 0.5, dtype, device),
            full([side, side], 0.5, dtype, device),
          ];
          return (2 * side ** 3) / secondsOf(device, () => matmul(a, b), 3);
        });
      return {
        copyBytesPerSecond: copyBandwidth(device),
        updateBytesPerSecond: (2 * 4 * elements) / secondsOf(device, () => scale_(x, 1), 3),
        readBytesPerSecond: (4 * elements) / secondsOf(device, () => sumAll(x), 3),
        gemmFloat32FlopPerSecond: gemm('float32'),
        gemmBfloat16FlopPerSecond: gemm('bfloat16'),
      };
    }),
  );
}
