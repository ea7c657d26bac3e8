// Scores averaged over steps of the warm-up instead of read from one batch (algorithm.md §3.9, and §8 W8).
import type { Scores } from './saliency.js';

/** Plain JSON. */
export interface ScoreAverageState {
  readonly decay: number;
  /** By group id: how many scores were added, and their weighted sum (1 − β)·Σ β^(n−i)·s_i per unit. */
  readonly groups: Readonly<Record<string, { readonly count: number; readonly sums: number[] }>>;
}

/**
 * Exponential moving average with bias correction, of each group by itself: after n scores
 * value = Σ β^(n−i)·s_i / Σ β^(n−i), so that the first one alone is returned as it is.
 */
export class ScoreAverage {
  readonly #decay: number;
  readonly #groups: Map<string, { count: number; sums: Float64Array }>;

  /** @param decay β in [0, 1), or what state() gave */
  constructor(from: number | ScoreAverageState = 0.9) {
    const { decay, groups } = typeof from === 'number' ? { decay: from, groups: {} } : from;
    if (!(decay >= 0 && decay < 1)) throw new RangeError(`a decay of ${decay} is not in [0, 1)`);
    this.#decay = decay;
    this.#groups = new Map(
      Object.entries(groups).map(([id, { count, sums }]) => [
        id,
        { count, sums: Float64Array.from(sums) },
      ]),
    );
  }

  /** @throws RangeError for a score that is not finite, or another number of units than before; then nothing is added */
  add(scores: Scores): void {
    for (const [id, own] of scores) {
      const before = this.#groups.get(id)?.sums.length ?? own.length;
      if (own.length !== before) {
        throw new RangeError(`${id} has ${own.length} scores, and had ${before}`);
      }
      if (!own.every(Number.isFinite)) throw new RangeError(`a score of ${id} is not finite`);
    }
    const fresh = 1 - this.#decay;
    for (const [id, own] of scores) {
      const { count, sums } = this.#groups.get(id) ?? {
        count: 0,
        sums: new Float64Array(own.length),
      };
      const next = sums.map((sum, u) => this.#decay * sum + fresh * (own[u] ?? NaN));
      this.#groups.set(id, { count: count + 1, sums: next });
    }
  }

  /** The averages of all groups that were added; empty before the first. */
  value(): Scores {
    return new Map(
      [...this.#groups].map(([id, { count, sums }]) => {
        const correction = 1 - this.#decay ** count;
        return [id, sums.map((sum) => sum / correction)];
      }),
    );
  }

  state(): ScoreAverageState {
    return {
      decay: this.#decay,
      groups: Object.fromEntries(
        [...this.#groups].map(([id, { count, sums }]) => [id, { count, sums: [...sums] }]),
      ),
    };
  }
}
