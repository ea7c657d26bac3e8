// Rotary position embedding: pairs of each head's features turn by position · θ^(−2i/D).
import type { DType } from '../tensor/dtype.js';
import { fusedRotate, hasLoops, mayFuse } from '../tensor/fused.js';
import { add, cat, mul, neg, select, slice, sub, to, view } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import { type Tensor, floatTensor } from '../tensor/tensor.js';

/** Which features turn together: i and i + D/2, or 2i and 2i + 1 (RoFormer, GLM, Cohere). */
export type Pairs = 'halves' | 'neighbours';

/** Cosines and sines of `length` positions, each (length, D) or broadcast to it; in both halves of D the same. */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly length: number;
  /** Default: halves. */
  readonly pairs?: Pairs;
}

/** How fast each pair turns in a text of a given length, and what its cosines are multiplied by. */
export interface Frequencies {
  /** Angle of each pair per position, D/2 of them; some scalings take others for longer texts. */
  at(length: number): readonly number[];
  /** Factor on cosines and sines (LongRoPE's attention factor). */
  readonly attention: number;
  /** A text longer than this turns otherwise from its beginning, so that a cache of it is useless; null: never. */
  readonly breaksAt: number | null;
}

/** θ^(−2i/D) for i = 0…D/2−1. */
export function inverseFrequencies(headDim: number, theta: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
}

/** The same frequencies for every length. */
export function fixedFrequencies(values: readonly number[], attention = 1): Frequencies {
  return { at: () => values, attention, breaksAt: null };
}

/** Lengths whose tables are kept: a run has few, generation and evaluation many. */
const keptLengths = 8;

/** Tables longer than this are made in powers of two: generation asks for every length in turn. */
const exactLengths = 4096;

/** Tables for positions 0…T−1, kept for the lengths used last. */
export class RotationTable {
  readonly #cache = new Map<string, Rotation>();

  constructor(
    readonly frequencies: Frequencies,
    readonly pairs: Pairs = 'halves',
  ) {}

  /** Cosines and sines of at least `length` positions; owned by the table. */
  at(length: number, device: string, dtype: DType = 'float32', exact = true): Rotation {
    const rows = exact && length <= exactLengths ? length : 2 ** Math.ceil(Math.log2(length));
    const values = this.frequencies.at(length);
    const key = `${device}:${dtype}:${rows}:${values[0] ?? 0}:${values.at(-1) ?? 0}`;
    const rotation = this.#cache.get(key) ?? this.#make(values, rows, device, dtype);
    this.#cache.delete(key); // the last used goes to the end
    this.#cache.set(key, rotation);
    for (const [oldest, { cos, sin }] of this.#cache) {
      if (this.#cache.size <= keptLengths) break;
      cos.dispose();
      sin.dispose();
      this.#cache.delete(oldest);
    }
    return rotation;
  }

  #make(frequencies: readonly number[], length: number, device: string, dtype: DType): Rotation {
    const half = frequencies.length;
    const { attention } = this.frequencies;
    const table = (turn: (angle: number) => number): Tensor => {
      const values = new Float32Array(length * half * 2);
      frequencies.forEach((frequency, i) => {
        const perPosition = Math.fround(frequency);
        for (let t = 0; t < length; t++) {
          // float32 product, as the reference implementations compute the angle
          const value = turn(Math.fround(t * perPosition)) * attention;
          values[t * 2 * half + i] = value;
          values[t * 2 * half + half + i] = value;
        }
      });
      const host = floatTensor(values, [length, 2 * half]);
      if (device === 'cpu' && dtype === 'float32') return keep(host);
      const moved = keep(to(host, device, dtype));
      host.dispose();
      return moved;
    };
    return { cos: table(Math.cos), sin: table(Math.sin), length, pairs: this.pairs };
  }

  dispose(): void {
    for (const { cos, sin } of this.#cache.values()) {
      cos.dispose();
      sin.dispose();
    }
    this.#cache.clear();
  }
}

/**
 * x (B, H, T, D) turned by its position; where the table is narrower than D, only the first part of each head.
 * Neighbours come out in halves, all first ones in front: scores do not depend on the order of a head's features.
 */
export function rotate(x: Tensor, rotation: Rotation): Tensor {
  const { cos, sin, pairs } = rotation;
  if (pairs !== 'neighbours' && mayFuse() && hasLoops(x.device)) return fusedRotate(x, cos, sin);
  const [D, R] = [x.extent(-1), cos.extent(-1)];
  if (R < D) return cat([rotate(slice(x, -1, 0, R), rotation), slice(x, -1, R, D)], -1);
  if (pairs === 'neighbours') return rotateNeighbours(x, rotation);
  const x1 = slice(x, -1, 0, D / 2);
  const x2 = slice(x, -1, D / 2, D);
  return add(mul(x, cos), mul(cat([neg(x2), x1], -1), sin));
}

function rotateNeighbours(x: Tensor, { cos, sin }: Rotation): Tensor {
  const half = x.extent(-1) / 2;
  const paired = view(x, [...x.shape.slice(0, -1), half, 2]);
  const [a, b] = [select(paired, -1, 0), select(paired, -1, 1)];
  const [c, s] = [slice(cos, -1, 0, half), slice(sin, -1, 0, half)];
  return cat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], -1);
}
