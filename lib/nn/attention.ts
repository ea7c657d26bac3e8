// Causal self-attention with grouped key/value heads: what every family shares, and the form with separate projections.
import { causalAttention } from '../tensor/causal_attention.js';
import { mayFuse } from '../tensor/fused.js';
import {
  attention,
  maskedFill,
  matmul,
  reshape,
  scale as scaled,
  softmax,
  tanh,
  transpose,
  unsqueeze,
  view,
} from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import { linearsOfOne } from './linears_of_one.js';
import { Module } from './module.js';
import type { Norm } from './norm.js';
import type { Pass } from './pass.js';
import { type RotationTable, rotate } from './rope.js';
import { type WeightSource, below } from './weight_source.js';

/** How keys are scored and hidden. */
export interface Scoring {
  /** Factor on the scores; default 1/√D. */
  readonly scale?: number | null;
  /** Keys that a query looks back on, itself included; default all. */
  readonly window?: number | null;
  /** Scores are squeezed into (−softcap, softcap) by a tanh (Gemma 2). */
  readonly softcap?: number | null;
}

/** q (B, H, T, D), k and v (B, K, T, D) of this pass → (B, H, T, D); keys and values of the past come from its cache. */
export function attend(
  [q, k, v]: readonly [q: Tensor, k: Tensor, v: Tensor],
  layer: number,
  pass: Pass,
  { scale = null, window = null, softcap = null }: Scoring = {},
): Tensor {
  if (pass.cache) [k, v] = pass.cache.append(layer, k, v);
  if (softcap !== null) return softcapped([q, k, v], pass, { scale, window, softcap });
  const sight = mayFuse() && pass.device === 'cpu' ? pass.firstSeen(window) : undefined;
  if (sight) return causalAttention(q, k, v, sight.first, scale ?? q.extent(3) ** -0.5);
  const { mask, causal } = pass.visibility(window);
  return attention(q, k, v, mask, causal, scale);
}

/** Attention written out, because a cap on the scores comes between the products. */
function softcapped(
  [q, k, v]: readonly [q: Tensor, k: Tensor, v: Tensor],
  pass: Pass,
  { scale, window, softcap }: { scale: number | null; window: number | null; softcap: number },
): Tensor {
  const [B, H, T, D] = q.shape as [number, number, number, number];
  const K = k.extent(1);
  const grouped = view(q, [B, K, H / K, T, D]);
  const scores = matmul(grouped, transpose(unsqueeze(k, 2), -2, -1)); // (B, K, G, T, S)
  const squeezed = scaled(tanh(scaled(scores, (scale ?? D ** -0.5) / softcap)), softcap);
  const hidden = maskedFill(squeezed, unsqueeze(pass.hidden(window), 2), -Infinity);
  return reshape(matmul(softmax(hidden, -1), unsqueeze(v, 2)), [B, H, T, D]);
}

/** y (B, T, n·D) → (B, n, T, D) */
export function splitHeads(y: Tensor, heads: number, headDim: number): Tensor {
  const [B, T] = y.shape as [number, number];
  return transpose(view(y, [B, T, heads, headDim]), 1, 2);
}

/** Queries or keys (B, H, T, D) turned by their positions, where positions come from rotations. */
export function turned(x: Tensor, rotations: RotationTable | null, pass: Pass): Tensor {
  return rotations ? rotate(x, pass.rotation(rotations)) : x;
}

/** y (B, H, T, D) → (B, T, H·D) */
export function joinHeads(y: Tensor): Tensor {
  const [B, H, T, D] = y.shape as [number, number, number, number];
  return reshape(transpose(y, 1, 2), [B, T, H * D]);
}

export interface AttentionShape extends Scoring {
  readonly width: number; // C
  readonly heads: number; // H query heads
  readonly kvHeads: number; // K, divides H
  readonly headDim: number; // D
  readonly bias: boolean; // on q, k and v
  readonly outBias?: boolean; // on o; default: as the others
  /** Number of the layer, for the cache. */
  readonly layer: number;
}

export interface AttentionParts {
  /** Stored names of the four projections. */
  readonly names?: readonly [q: string, k: string, v: string, o: string];
  /** Turns queries and keys; null where positions come from elsewhere. */
  readonly rotations: RotationTable | null;
  /** Normalises q and k: each head of D features, or all H·D (K·D) of them before they are split. */
  readonly norms?: {
    readonly of: 'head' | 'all';
    readonly names: readonly [q: string, k: string];
    readonly make: (weights: WeightSource, width: number, heads: number) => Norm;
  };
}

/** Attention with a projection each for q, k, v and o. */
export class Attention extends Module {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly qNorm: Norm | null = null;
  readonly kNorm: Norm | null = null;
  readonly #names: readonly [q: string, k: string, v: string, o: string];

  constructor(
    weights: WeightSource,
    readonly shape: AttentionShape,
    readonly parts: AttentionParts,
  ) {
    super();
    const { width, heads, kvHeads, headDim, bias, outBias = bias } = shape;
    const { names = ['q_proj', 'k_proj', 'v_proj', 'o_proj'], norms } = parts;
    const project = (name: string, from: number, into: number, b: boolean): Linear =>
      this.child(name, new Linear(below(weights, name), from, into, b));
    this.#names = names;
    const [q, k, v, o] = names;
    this.q = project(q, width, heads * headDim, bias);
    this.k = project(k, width, kvHeads * headDim, bias);
    this.v = project(v, width, kvHeads * headDim, bias);
    this.o = project(o, heads * headDim, width, outBias);
    if (!norms) return;
    const of = (n: number): number => (norms.of === 'head' ? headDim : n * headDim);
    const [qName, kName] = norms.names;
    this.qNorm = this.child(qName, norms.make(below(weights, qName), of(heads), heads));
    this.kNorm = this.child(kName, norms.make(below(weights, kName), of(kvHeads), kvHeads));
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor, pass: Pass): Tensor {
    const { heads, kvHeads, layer } = this.shape;
    const [qName, kName, vName, oName] = this.#names;
    const [qs, ks, vs] = linearsOfOne(x, [
      [qName, this.q],
      [kName, this.k],
      [vName, this.v],
    ]) as [Tensor, Tensor, Tensor];

    const { rotations } = this.parts;
    const q = turned(this.#split(qs, heads, this.qNorm, 0), rotations, pass); // (B, H, T, D)
    const k = turned(this.#split(ks, kvHeads, this.kNorm, 1), rotations, pass); // (B, K, T, D)
    const v = this.#split(vs, kvHeads, null, 0); // (B, K, T, D)
    const y = joinHeads(attend([q, k, v], layer, pass, this.shape));
    return this.in(oName, () => this.o.forward(y));
  }

  #split(y: Tensor, heads: number, norm: Norm | null, which: 0 | 1): Tensor {
    const { norms } = this.parts;
    const split = (z: Tensor): Tensor => splitHeads(z, heads, this.shape.headDim);
    if (!norm || !norms) return split(y);
    const normed = (z: Tensor): Tensor => this.in(norms.names[which], () => norm.forward(z));
    return norms.of === 'head' ? normed(split(y)) : split(normed(y));
  }
}
