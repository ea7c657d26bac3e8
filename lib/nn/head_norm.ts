// LayerNorm of each head by itself, its weights in one tensor of all heads (Command R+).
import { layerNorm, mul, unsqueeze } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { Norm } from './norm.js';
import type { WeightSource } from './weight_source.js';

export class HeadNorm extends Module implements Norm {
  readonly weight: Tensor; // (H, D)

  constructor(
    weights: WeightSource,
    readonly width: number,
    heads: number,
    readonly eps: number,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [heads, width]));
  }

  /** x (B, H, T, D) → (B, H, T, D) */
  forward(x: Tensor): Tensor {
    return mul(layerNorm(x, [this.width], null, null, this.eps), unsqueeze(this.weight, 1));
  }
}
