// What sampling does to logits: penalties and cuts, as transformers' logits processors define them. A token that is cut has −∞.

/** Makes tokens that occurred less probable (RepetitionPenaltyLogitsProcessor). */
export function penalise(logits: Float32Array, tokens: readonly number[], penalty: number): void {
  if (penalty === 1) return;
  for (const id of new Set(tokens)) {
    const value = logits[id];
    if (value !== undefined) logits[id] = value < 0 ? value * penalty : value / penalty;
  }
}

/** Cuts what is smaller than the `k`-th largest; equal ones stay (TopKLogitsWarper). */
export function keepTopK(logits: Float32Array, k: number): void {
  if (k >= logits.length) return;
  const least = nthLargest(logits, k);
  logits.forEach((x, i) => {
    if (x < least) logits[i] = -Infinity;
  });
}

/**
 * Cuts the least probable tokens as long as their probabilities sum to at most 1 − `p`; the most probable one
 * stays (TopPLogitsWarper).
 */
export function keepTopP(logits: Float32Array, p: number): void {
  const probabilities = softmax(logits);
  const spare = 1 - p;
  // All below spare / n are cut without being sorted: together they have less than spare.
  const few = spare / probabilities.length;
  const candidates: number[] = [];
  let cut = 0;
  probabilities.forEach((q, i) => {
    if (q >= few && q > 0) candidates.push(i);
    else {
      cut += q;
      logits[i] = -Infinity;
    }
  });
  candidates.sort((a, b) => probabilities[a]! - probabilities[b]! || a - b);
  candidates.pop();
  for (const i of candidates) {
    cut += probabilities[i]!;
    if (cut > spare) return;
    logits[i] = -Infinity;
  }
}

/** Cuts what has less than `share` of the greatest probability (MinPLogitsWarper). */
export function keepMinP(logits: Float32Array, share: number): void {
  const probabilities = softmax(logits);
  const least = share * probabilities.reduce((most, q) => Math.max(most, q), 0);
  probabilities.forEach((q, i) => {
    if (q < least) logits[i] = -Infinity;
  });
}

/** exp(x) / Σ exp(x); 0 for −∞. */
export function softmax(logits: Float32Array): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (x) => Math.exp(x - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / total);
}

/** The `n`-th largest (from 1 on), found by partitions: a vocabulary is long, and n short. */
function nthLargest(values: Float32Array, n: number): number {
  let rest = values;
  for (;;) {
    const pivot = rest[rest.length >> 1]!;
    const above = rest.filter((x) => x > pivot);
    if (n <= above.length) {
      rest = above;
      continue;
    }
    const below = rest.filter((x) => x < pivot);
    const equal = rest.length - above.length - below.length;
    if (n <= above.length + equal) return pivot;
    n -= above.length + equal;
    rest = below;
  }
}
