// y = w · x / √(mean(x²) + ε), the mean over the residual width.
import { rmsNorm } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

export class RmsNorm extends Module {
  readonly weight: Tensor; // (C)

  constructor(
    weights: WeightSource,
    readonly width: number,
    readonly eps: number,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [width]));
  }

  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, [this.width], this.weight, this.eps);
  }
}
