// Token embedding, whose matrix may also be the output head (tied).
import { embedding } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

export class Embedding extends Module {
  readonly weight: Tensor; // (V, C)

  constructor(weights: WeightSource, vocabulary: number, width: number) {
    super();
    this.weight = this.own('weight', weights('weight', [vocabulary, width]));
  }

  /** tokens (B, T) → (B, T, C) */
  forward(tokens: Tensor): Tensor {
    return embedding(this.weight, tokens);
  }
}
