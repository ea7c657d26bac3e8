// The two normalisations of language models, over the last dimension.
import { addRmsNorm, fusedRmsNorm, mayFuse } from '../tensor/fused.js';
import { add, layerNorm, rmsNorm, shift, to } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

/** Anything that keeps a tensor's shape and makes its last dimension of a known size. */
export interface Norm extends Module {
  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor;
  /** x + added, and the norm of that, where one operator computes both; else null. */
  ofSum?(x: Tensor, added: Tensor): [sum: Tensor, normed: Tensor] | null;
}

/** y = w · x / √(mean(x²) + ε), the mean over the last dimension; plus a bias where LayerNorm had one. */
export class RmsNorm extends Module implements Norm {
  readonly weight: Tensor; // (C)
  readonly bias: Tensor | null; // (C)
  readonly #onCpu: boolean;

  /** @param offset added to the stored weight in float32: 1 in Gemma, whose weights are stored around 0 */
  constructor(
    weights: WeightSource,
    readonly width: number,
    readonly eps: number,
    readonly offset: 0 | 1 = 0,
    bias = false,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [width]));
    this.bias = bias ? this.own('bias', weights('bias', [width])) : null;
    this.#onCpu = this.weight.device === 'cpu';
  }

  forward(x: Tensor): Tensor {
    const y = this.offset === 0 ? this.#scaled(x, this.weight) : this.#shifted(x);
    return this.bias ? add(y, this.bias) : y;
  }

  ofSum(x: Tensor, added: Tensor): [sum: Tensor, normed: Tensor] | null {
    const plain = this.offset === 0 && !this.bias && x.dtype === added.dtype;
    if (!plain || !this.#onCpu || !mayFuse()) return null;
    return addRmsNorm(x, added, this.weight, this.eps);
  }

  #scaled(x: Tensor, weight: Tensor): Tensor {
    if (this.#onCpu && mayFuse()) return fusedRmsNorm(x, weight, this.eps);
    return rmsNorm(x, [this.width], weight, this.eps);
  }

  #shifted(x: Tensor): Tensor {
    const { weight, offset } = this;
    if (weight.dtype === 'float32') return this.#scaled(x, shift(weight, offset));
    return to(this.#scaled(widened(x), shift(widened(weight), offset)), x.device, x.dtype);
  }
}

const widened = (x: Tensor): Tensor => to(x, x.device, 'float32');

/**
 * A family's LayerNorm over the residual width, or what became of it in a model whose stream was centred
 * (lib/compress/centre.ts).
 */
export function residualLayerNorm(
  config: Readonly<Record<string, unknown>>,
  weights: WeightSource,
  width: number,
  eps: number,
  bias = true,
): Norm {
  return config['residual_norm'] === 'rms'
    ? new RmsNorm(weights, width, eps, 0, bias)
    : new LayerNorm(weights, width, eps, bias);
}

/** y = w · (x − mean) / √(var + ε) + b, mean and variance over the last dimension. */
export class LayerNorm extends Module implements Norm {
  readonly weight: Tensor; // (C)
  readonly bias: Tensor | null; // (C)

  constructor(
    weights: WeightSource,
    readonly width: number,
    readonly eps: number,
    bias = true,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [width]));
    this.bias = bias ? this.own('bias', weights('bias', [width])) : null;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, [this.width], this.weight, this.bias, this.eps);
  }
}
