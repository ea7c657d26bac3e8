// x·Wᵀ + b: by what is fastest on this processor where no graph is recorded, else by aten::linear.
import { fusedLinear, mayFuse } from '../tensor/fused.js';
import { linear } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';

/** x (…, in), weight (out, in), bias (out) → (…, out). `onCpu` speaks of the weight. */
export function fastLinear(x: Tensor, weight: Tensor, bias: Tensor | null, onCpu: boolean): Tensor {
  return onCpu && mayFuse() ? fusedLinear(x, weight, bias) : linear(x, weight, bias);
}
