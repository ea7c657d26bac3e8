// Causal self-attention with grouped key/value heads and rotary positions.
import { attention, reshape, transpose, view } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { type RotationTable, rotate } from './rope.js';
import { type WeightSource, below } from './weight_source.js';

export interface AttentionShape {
  readonly width: number; // C
  readonly heads: number; // H query heads
  readonly kvHeads: number; // K, divides H
  readonly headDim: number; // D
  readonly bias: boolean; // on q, k, v and o
}

export class Attention extends Module {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;

  constructor(
    weights: WeightSource,
    readonly shape: AttentionShape,
    readonly rotations: RotationTable,
  ) {
    super();
    const { width, heads, kvHeads, headDim, bias } = shape;
    const project = (name: string, from: number, into: number): Linear =>
      this.child(name, new Linear(below(weights, name), from, into, bias));
    this.q = project('q_proj', width, heads * headDim);
    this.k = project('k_proj', width, kvHeads * headDim);
    this.v = project('v_proj', width, kvHeads * headDim);
    this.o = project('o_proj', heads * headDim, width);
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor): Tensor {
    const { heads, kvHeads, headDim } = this.shape;
    const [B, T] = x.shape as [number, number];
    const split = (y: Tensor, n: number): Tensor => transpose(view(y, [B, T, n, headDim]), 1, 2);
    const rotation = this.rotations.at(T, x.device);

    const q = rotate(
      split(
        this.in('q_proj', () => this.q.forward(x)),
        heads,
      ),
      rotation,
    ); // (B, H, T, D)
    const k = rotate(
      split(
        this.in('k_proj', () => this.k.forward(x)),
        kvHeads,
      ),
      rotation,
    ); // (B, K, T, D)
    const v = split(
      this.in('v_proj', () => this.v.forward(x)),
      kvHeads,
    ); // (B, K, T, D)

    const y = attention(q, k, v, null, true); // (B, H, T, D)
    const joined = reshape(transpose(y, 1, 2), [B, T, heads * headDim]);
    return this.in('o_proj', () => this.o.forward(joined));
  }
}
