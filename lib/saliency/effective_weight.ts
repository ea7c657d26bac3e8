// The weight that a linear computes with: its base and what LoRA adds to it.
import { loraDelta } from '../lora/lora.js';
import type { Linear } from '../nn/linear.js';
import { add, to } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';

/** W + s·B·A (out, in) in float32, whatever the weight's type; may be the weight itself. In the current scope. */
export function effectiveWeight({ matrix, lora }: Linear): Tensor {
  const base = to(matrix, matrix.device, 'float32');
  return lora ? add(base, to(loraDelta(lora), matrix.device, 'float32')) : base;
}
