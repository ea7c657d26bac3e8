// Token embedding, whose matrix may also be the output head (tied).
import { embedding } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { fastLinear } from './fast_linear.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

export class Embedding extends Module {
  readonly weight: Tensor; // (V, C)
  readonly #onCpu: boolean;

  constructor(weights: WeightSource, vocabulary: number, width: number) {
    super();
    this.weight = this.own('weight', weights('weight', [vocabulary, width]));
    this.#onCpu = this.weight.device === 'cpu';
  }

  /** tokens (B, T) → (B, T, C) */
  forward(tokens: Tensor): Tensor {
    return embedding(this.weight, tokens);
  }

  /** hidden (…, C) → (…, V): the matrix as a tied output head */
  score(hidden: Tensor): Tensor {
    return fastLinear(hidden, this.weight, null, this.#onCpu);
  }
}
