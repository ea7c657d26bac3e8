// Our operators for what a decoder does in and between its matrix products.
import { native } from '../native/load.js';
import { op, opMany, recording } from './op.js';
import type { Tensor } from './tensor.js';

/** Whether the operators of this file may stand for libtorch's: no graph is being recorded, whose rules know the others. */
export const mayFuse = (): boolean => !recording();

/** Whether {@link gatedSilu} and {@link fusedRotate} have loops or kernels for tensors on `device`. */
export const hasLoops = (device: string): boolean =>
  device === 'cpu' || (device.startsWith('cuda') && cudaKernels());

let built: boolean | undefined;
const cudaKernels = (): boolean => (built ??= native().versions().cudaKernels);

/**
 * x·Wᵀ + b by what is fastest for its size, type and processor: loops of ours, packed operands, oneDNN, or libtorch's
 * choice; `by` names one of them. With the gradients of x, W and b.
 */
export const fusedLinear = op(
  'lorashear::linear(Tensor x, Tensor weight, Tensor? bias=None, str? by=None) -> Tensor',
) as (
  ...args: [
    x: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    by?: 'rows' | 'packed' | 'onednn' | 'aten',
  ]
) => Tensor;

/** w·x/√(mean(x²) + ε) over the last dimension, with gradients. */
export const fusedRmsNorm = op(
  'lorashear::rms_norm(Tensor x, Tensor weight, float eps) -> Tensor',
) as (x: Tensor, weight: Tensor, eps: number) => Tensor;

const addRmsNorms = opMany(
  'lorashear::add_rms_norm(Tensor x, Tensor added, Tensor weight, float eps) -> (Tensor sum, Tensor normed)',
);

/** x + added, both of one shape, and the norm of that sum, with gradients. */
export const addRmsNorm = (
  x: Tensor,
  added: Tensor,
  weight: Tensor,
  eps: number,
): [sum: Tensor, normed: Tensor] => addRmsNorms(x, added, weight, eps) as [Tensor, Tensor];

/** silu(gate)·up, with gradients, for which it keeps gate and up alone. */
export const gatedSilu = op('lorashear::gated_silu(Tensor gate, Tensor up) -> Tensor') as (
  gate: Tensor,
  up: Tensor,
) => Tensor;

/** x (B, H, T, D) turned by cos and sin (T, R) or (B, 1, T, R); elements from R on stay. With the gradient of x. */
export const fusedRotate = op('lorashear::rotate(Tensor x, Tensor cos, Tensor sin) -> Tensor') as (
  x: Tensor,
  cos: Tensor,
  sin: Tensor,
) => Tensor;

/**
 * x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ with gradients of x, A and B; x (…, in), weight (out, in), a (r, in), b (out, r) float32. On
 * the CPU the low-rank branch adds in float32, on a GPU in the type of x with float32 sums; neither copies x or y.
 */
export const loraLinear = op(
  'lorashear::lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale) -> Tensor',
) as (x: Tensor, weight: Tensor, bias: Tensor | null, a: Tensor, b: Tensor, s: number) => Tensor;

/** {@link loraLinear} of several layers, in order: x is read once, and so is its gradient written. No biases: []. */
export const loraLinears = opMany(
  'lorashear::lora_linears(Tensor x, Tensor[] weights, Tensor[] biases, Tensor[] a, Tensor[] b, float scale) -> Tensor[]',
) as (
  ...args: [x: Tensor, weights: Many, biases: Many, a: Many, b: Many, scale: number]
) => Tensor[];

type Many = readonly Tensor[];
