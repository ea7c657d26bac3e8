// Causal self-attention whose queries, keys and values come from one matrix with the rows [q; k; v].
import { split } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { type AttentionShape, attend, joinHeads, splitHeads, turned } from './attention.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import type { Pass } from './pass.js';
import type { RotationTable } from './rope.js';
import { type WeightSource, below } from './weight_source.js';

export interface StackedAttentionParts {
  /** Stored names of the two projections. */
  readonly names: readonly [qkv: string, o: string];
  readonly rotations: RotationTable | null;
}

/** One projection of (H + 2K)·D rows: all query heads, then all key heads, then all value heads. */
export class StackedAttention extends Module {
  readonly qkv: Linear;
  readonly o: Linear;

  constructor(
    weights: WeightSource,
    readonly shape: AttentionShape,
    readonly parts: StackedAttentionParts,
  ) {
    super();
    const { width, heads, kvHeads, headDim, bias, outBias = bias } = shape;
    const [qkv, o] = parts.names;
    const rows = (heads + 2 * kvHeads) * headDim;
    this.qkv = this.child(qkv, new Linear(below(weights, qkv), width, rows, bias));
    this.o = this.child(o, new Linear(below(weights, o), heads * headDim, width, outBias));
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor, pass: Pass): Tensor {
    const { heads, kvHeads, headDim, layer } = this.shape;
    const { names, rotations } = this.parts;
    const stacked = this.in(names[0], () => this.qkv.forward(x)); // (B, T, (H + 2K)·D)
    const rows = [heads, kvHeads, kvHeads].map((n) => n * headDim);
    const [q, k, v] = split(stacked, rows, -1) as [Tensor, Tensor, Tensor];
    const queries = turned(splitHeads(q, heads, headDim), rotations, pass); // (B, H, T, D)
    const keys = turned(splitHeads(k, kvHeads, headDim), rotations, pass); // (B, K, T, D)
    const values = splitHeads(v, kvHeads, headDim); // (B, K, T, D)
    const y = joinHeads(attend([queries, keys, values], layer, pass, this.shape));
    return this.in(names[1], () => this.o.forward(y));
  }
}
