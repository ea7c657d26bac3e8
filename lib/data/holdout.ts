// Chooses what is held out for validation: seeded, and the same whoever asks.
import { createRandom } from './random.js';

export interface HoldoutOptions {
  /** Share held out, at least one item. Default 0.02. */
  fraction?: number | undefined;
  seed?: number | undefined;
}

export const holdoutDefaults = { fraction: 0.02, seed: 0 } as const;

/** Indices of the items of 0..count-1 that are for validation; never all, so that one item stays for training. */
export function heldOut(count: number, options: HoldoutOptions = {}): Set<number> {
  const { fraction = holdoutDefaults.fraction, seed = holdoutDefaults.seed } = options;
  const wanted = Math.min(count - 1, Math.max(1, Math.round(count * fraction)));
  const random = createRandom(seed, count);
  const chosen = new Set<number>();
  // Floyd's sampling: every subset of this size is as likely as any other.
  for (let top = count - wanted; top < count; top++) {
    const pick = random.integer(top + 1);
    chosen.add(chosen.has(pick) ? top : pick);
  }
  return chosen;
}
