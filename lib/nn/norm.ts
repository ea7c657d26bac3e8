// The two normalisations of language models, over the last dimension.
import { layerNorm, rmsNorm, shift } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

/** Anything that keeps a tensor's shape and makes its last dimension of a known size. */
export interface Norm extends Module {
  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor;
}

/** y = w · x / √(mean(x²) + ε), the mean over the last dimension. */
export class RmsNorm extends Module implements Norm {
  readonly weight: Tensor; // (C)

  /** @param offset added to the stored weight: 1 in Gemma, whose weights are stored around 0 */
  constructor(
    weights: WeightSource,
    readonly width: number,
    readonly eps: number,
    readonly offset: 0 | 1 = 0,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [width]));
  }

  forward(x: Tensor): Tensor {
    const weight = this.offset === 0 ? this.weight : shift(this.weight, this.offset);
    return rmsNorm(x, [this.width], weight, this.eps);
  }
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
