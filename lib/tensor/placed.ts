// Numbers of JavaScript as tensors on a device: token ids, indices, gates.
import type { DType } from './dtype.js';
import { pinned, to, toLater } from './ops.js';
import { scoped } from './scope.js';
import { type Tensor, floatTensor, longTensor } from './tensor.js';

/** An int64 tensor on `device`, a vector where no shape is given. */
export function longTensorOn(
  device: string,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  return placed(longTensor(values, shape), device);
}

/** A float32 tensor on `device` (or of another type), a vector where no shape is given. */
export function floatTensorOn(
  device: string,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
  dtype: DType = 'float32',
): Tensor {
  return placed(floatTensor(values, shape), device, dtype);
}

/** Takes `host` over. A GPU fetches it when its turn comes; libtorch keeps the pinned copy until then, and uses it again. */
function placed(host: Tensor, device: string, dtype = host.dtype): Tensor {
  if (device === 'cpu' && dtype === host.dtype) return host;
  try {
    return device.startsWith('cuda')
      ? scoped(() => toLater(pinned(host), device, dtype))
      : to(host, device, dtype);
  } finally {
    host.dispose();
  }
}
