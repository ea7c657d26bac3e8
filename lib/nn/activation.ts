// Activations by the names that config.json gives them.
import { LoraShearError } from '../errors.js';
import { gatedSilu, hasLoops, mayFuse } from '../tensor/fused.js';
import { gelu, mul, relu, scale, sigmoid, silu, tanh } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';

const tanhGelu = (x: Tensor): Tensor => gelu(x, 'tanh');

/** transformers' ACT2FN, as far as language models use it. */
export const activations = {
  silu,
  swish: silu,
  gelu: (x: Tensor) => gelu(x, 'none'),
  gelu_python: (x: Tensor) => gelu(x, 'none'),
  gelu_new: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  quick_gelu: (x: Tensor) => mul(x, sigmoid(scale(x, 1.702))),
  relu,
  relu2: (x: Tensor) => mul(relu(x), relu(x)),
  tanh,
} as const satisfies Record<string, (x: Tensor) => Tensor>;

export type ActivationName = keyof typeof activations;

export type Activation = (x: Tensor) => Tensor;

/** activation(gate)·up, both of one shape. */
export function gated(activation: Activation, gate: Tensor, up: Tensor): Tensor {
  if (activation === silu && mayFuse() && hasLoops(gate.device)) return gatedSilu(gate, up);
  return mul(activation(gate), up);
}

/** @throws CHECKPOINT_UNSUPPORTED for a name that is not among them */
export function activationOf(name: string): Activation {
  if (Object.hasOwn(activations, name)) return activations[name as ActivationName];
  throw new LoraShearError(
    'CHECKPOINT_UNSUPPORTED',
    `this checkpoint uses the activation '${name}'`,
    {
      hint: `these are computed: ${Object.keys(activations).join(', ')}`,
      facts: { activation: name },
    },
  );
}
