// Numbers of JavaScript as tensors on a device: token ids, indices, gates.
import { to } from './ops.js';
import { type Tensor, floatTensor, longTensor } from './tensor.js';

/** An int64 tensor on `device`, a vector where no shape is given. */
export function longTensorOn(
  device: string,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  return placed(longTensor(values, shape), device);
}

/** A float32 tensor on `device`, a vector where no shape is given. */
export function floatTensorOn(
  device: string,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  return placed(floatTensor(values, shape), device);
}

/** Takes `host` over. */
function placed(host: Tensor, device: string): Tensor {
  if (device === 'cpu') return host;
  try {
    return to(host, device, host.dtype);
  } finally {
    host.dispose();
  }
}
