// A normalisation with weights of its own for each head (StableLM 2's q_layernorm and k_layernorm).
import { cat, layerNorm, mul, view } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { LayerNorm, type Norm } from './norm.js';
import { type WeightSource, below } from './weight_source.js';

/** LayerNorm without bias over the D features of each head, stored as `norms.0`, `norms.1`, … */
export class LayerNormPerHead extends Module implements Norm {
  readonly norms: readonly LayerNorm[];

  constructor(
    weights: WeightSource,
    readonly width: number,
    readonly heads: number,
    readonly eps: number,
  ) {
    super();
    this.norms = Array.from({ length: heads }, (_, h) => {
      const name = `norms.${h}`;
      return this.child(name, new LayerNorm(below(weights, name), width, eps, false));
    });
  }

  /** x (B, H, T, D) → (B, H, T, D) */
  forward(x: Tensor): Tensor {
    const rows = this.norms.map(({ weight }) => view(weight, [1, 1, this.width]));
    return mul(layerNorm(x, [this.width], null, null, this.eps), cat(rows, 0)); // (H, 1, D)
  }
}
