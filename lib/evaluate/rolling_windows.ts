// Windows that roll over a text, as lm-eval cuts them.
import type { ScoredSequence } from './log_likelihood.js';

/**
 * Cuts a text into windows that score each token but the first exactly once. Window k scores `length` tokens and
 * has the one token before them as context; the last, which has fewer left to score, fills its input of `length`
 * tokens with more context. These are lm-eval's rolling windows with a context of one token.
 */
export function rollingWindows(ids: readonly number[], length: number): ScoredSequence[] {
  const found: ScoredSequence[] = [];
  for (let next = 1; next < ids.length; next += length) {
    const end = Math.min(next + length, ids.length);
    const start = Math.max(0, end - 1 - length);
    found.push({ tokens: ids.slice(start, end), from: next - start });
  }
  return found;
}
