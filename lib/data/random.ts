// Seeded random numbers whose state can be saved: xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32.

/** Four unsigned 32-bit words, plain JSON. */
export type RandomState = [number, number, number, number];

export interface Random {
  /** Uniform in [0, 2^32). */
  uint32(): number;
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Uniform integer in [0, bound), without modulo bias; `bound` in 1..2^32. */
  integer(bound: number): number;
  /** Index drawn with probability weights[i] / sum(weights); weights ≥ 0, not all zero. */
  weighted(weights: readonly number[]): number;
  state(): RandomState;
  restore(state: RandomState): void;
}

/**
 * A generator for `seed` and any further whole numbers that tell its use apart from others
 * (source index, round …): the same numbers give the same sequence on every machine.
 */
export function createRandom(...seed: readonly [number, ...number[]]): Random {
  let [a, b, c, d] = expand(seed);
  const uint32 = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  const uniform = () => uint32() / 2 ** 32;
  return {
    uint32,
    uniform,
    integer(bound) {
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const value = uint32();
        if (value < limit) return value % bound;
      }
    },
    weighted(weights) {
      let total = 0;
      for (const weight of weights) total += weight;
      let rest = uniform() * total;
      let last = 0;
      for (const [i, weight] of weights.entries()) {
        if (weight <= 0) continue;
        last = i;
        if (rest < weight) return i;
        rest -= weight;
      }
      return last;
    },
    state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0],
    restore: (state) => {
      [a, b, c, d] = state;
    },
  };
}

/** Shuffles in place (Fisher-Yates) and returns the same array. */
export function shuffle<T extends Uint32Array | unknown[]>(items: T, random: Random): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const held = items[i];
    items[i] = items[j];
    items[j] = held;
  }
  return items;
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** splitmix32 over the seed's words (low and high half of each), so that near seeds give far states. */
function expand(seed: readonly number[]): RandomState {
  let h = 0x9e3779b9;
  const next = (): number => {
    h = (h + 0x9e3779b9) | 0;
    let t = h ^ (h >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  for (const part of seed) {
    h = (next() ^ (part >>> 0)) | 0;
    h = (next() ^ (Math.floor(part / 2 ** 32) >>> 0)) | 0;
  }
  return [next(), next(), next(), next()];
}
