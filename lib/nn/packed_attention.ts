// Attention whose queries, keys and values come from one projection, in the orders that families store them.
import { reshape, split, transpose, view } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { type AttentionShape, attend, joinHeads } from './attention.js';
import { type Layout, Linear } from './linear.js';
import { Module } from './module.js';
import type { Pass } from './pass.js';
import { type RotationTable, rotate } from './rope.js';
import { type WeightSource, below } from './weight_source.js';

export interface PackedAttentionShape extends AttentionShape {
  /**
   * The projection's features are this many groups of heads, each [queries; keys; values]: 1 for all queries, then
   * all keys, then all values; K for every kv head together with the queries that share it. Divides K.
   */
  readonly groups: number;
  readonly layout?: Layout;
}

export interface PackedAttentionParts {
  /** Stored names of the two projections. */
  readonly names: readonly [qkv: string, o: string];
  /** Turns queries and keys; null where positions come from elsewhere. */
  readonly rotations: RotationTable | null;
}

export class PackedAttention extends Module {
  readonly qkv: Linear;
  readonly o: Linear;

  constructor(
    weights: WeightSource,
    readonly shape: PackedAttentionShape,
    readonly parts: PackedAttentionParts,
  ) {
    super();
    const { width, heads, kvHeads, headDim, bias, outBias = bias, layout } = shape;
    const project = (name: string, from: number, into: number, b: boolean): Linear =>
      this.child(name, new Linear(below(weights, name), from, into, b, layout));
    this.qkv = project(parts.names[0], width, (heads + 2 * kvHeads) * headDim, bias);
    this.o = project(parts.names[1], heads * headDim, width, outBias);
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor, pass: Pass): Tensor {
    const { heads, kvHeads, layer } = this.shape;
    const { names, rotations } = this.parts;
    const packed = this.in(names[0], () => this.qkv.forward(x)); // (B, T, (H + 2K)·D)
    const [queries, keys, values] = this.#unpack(packed);
    const turned = (y: Tensor): Tensor => (rotations ? rotate(y, pass.rotation(rotations)) : y);
    const q = turned(this.#split(queries, heads)); // (B, H, T, D)
    const k = turned(this.#split(keys, kvHeads)); // (B, K, T, D)
    const v = this.#split(values, kvHeads); // (B, K, T, D)
    const y = joinHeads(attend([q, k, v], layer, pass, this.shape));
    return this.in(names[1], () => this.o.forward(y));
  }

  /** (B, T, (H + 2K)·D) → the features of queries, keys and values, (B, T, G, …) where there are several groups. */
  #unpack(packed: Tensor): [q: Tensor, k: Tensor, v: Tensor] {
    const { heads, kvHeads, headDim, groups } = this.shape;
    const [B, T, all] = packed.shape as [number, number, number];
    const [q, k] = [(heads / groups) * headDim, (kvHeads / groups) * headDim];
    const grouped = groups === 1 ? packed : view(packed, [B, T, groups, all / groups]);
    return split(grouped, [q, k, k], -1) as [Tensor, Tensor, Tensor];
  }

  /** (B, T, …) with n·D features → (B, n, T, D) */
  #split(y: Tensor, heads: number): Tensor {
    const [B, T] = y.shape as [number, number];
    return transpose(reshape(y, [B, T, heads, this.shape.headDim]), 1, 2);
  }
}
