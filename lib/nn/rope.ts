// Rotary position embedding: pairs (i, i + D/2) of each head turn by position · θ^(−2i/D).
import { add, cat, mul, neg, slice } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import { type Tensor, floatTensor } from '../tensor/tensor.js';
import { to } from '../tensor/ops.js';

/** Cosines and sines of every position, each (T, D). */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Lengths whose tables are kept: a run has few, generation and evaluation many. */
const keptLengths = 8;

/** Tables for positions 0…T−1, kept for the lengths used last; `inverseFrequencies` has D/2 entries. */
export class RotationTable {
  readonly #cache = new Map<string, Rotation>();

  constructor(readonly inverseFrequencies: readonly number[]) {}

  at(length: number, device: string): Rotation {
    const key = `${device}:${length}`;
    const rotation = this.#cache.get(key) ?? this.#make(length, device);
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

  #make(length: number, device: string): Rotation {
    const half = this.inverseFrequencies.length;
    const table = (turn: (angle: number) => number): Tensor => {
      const values = new Float32Array(length * half * 2);
      for (let t = 0; t < length; t++) {
        this.inverseFrequencies.forEach((frequency, i) => {
          // float32 product, as the reference implementations compute the angle
          const value = turn(Math.fround(t * Math.fround(frequency)));
          values[t * 2 * half + i] = value;
          values[t * 2 * half + half + i] = value;
        });
      }
      const host = floatTensor(values, [length, 2 * half]);
      if (device === 'cpu') return keep(host);
      const moved = keep(to(host, device, 'float32'));
      host.dispose();
      return moved;
    };
    return { cos: table(Math.cos), sin: table(Math.sin) };
  }

  dispose(): void {
    for (const { cos, sin } of this.#cache.values()) {
      cos.dispose();
      sin.dispose();
    }
    this.#cache.clear();
  }
}

/** θ^(−2i/D) for i = 0…D/2−1. */
export function inverseFrequencies(headDim: number, theta: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
}

/** x (B, H, T, D) turned by its position. */
export function rotate(x: Tensor, { cos, sin }: Rotation): Tensor {
  const D = x.extent(-1);
  const x1 = slice(x, -1, 0, D / 2);
  const x2 = slice(x, -1, D / 2, D);
  return add(mul(x, cos), mul(cat([neg(x2), x1], -1), sin));
}
