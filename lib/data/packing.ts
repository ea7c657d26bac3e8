// Cuts a token stream into windows of equal length that do not overlap, as the experiment of algorithm.md §9 does.

/** What attention sees of a window: each document in it alone, or all that comes before. */
export const packings = ['documents', 'windows'] as const;
export type Packing = (typeof packings)[number];

/** Windows of one stream. `window(i)` is a view, not a copy: do not write to it. */
export interface Windows {
  readonly count: number;
  /** Tokens in each window. */
  readonly length: number;
  window(index: number): Int32Array;
  /** The document of each token of a window, counted from 0 in it. A fresh array. */
  segments(index: number): Int32Array;
}

/**
 * `floor((n - 1) / length)` windows of `length` tokens from the front of the stream; the rest is left out.
 * They run across documents, each of which ends with EOS; `segments` tells them apart. What a window cuts off goes on
 * in the next as a document of its own. Without `documentStarts` all is one document.
 */
export function windows(
  stream: { readonly ids: Int32Array; readonly documentStarts?: Int32Array },
  length: number,
): Windows {
  const { ids, documentStarts = new Int32Array(1) } = stream;
  if (!Number.isInteger(length) || length < 1) throw new RangeError(`window length ${length}`);
  const count = Math.max(0, Math.floor((ids.length - 1) / length));
  const inside = (index: number): number => {
    if (!(index >= 0 && index < count)) throw new RangeError(`window ${index} of ${count}`);
    return index * length;
  };
  return {
    count,
    length,
    window(index) {
      const from = inside(index);
      return ids.subarray(from, from + length);
    },
    segments(index) {
      const from = inside(index);
      let next = firstAfter(documentStarts, from);
      let document = 0;
      return Int32Array.from({ length }, (_, i) => {
        if (documentStarts[next] === from + i) {
          next++;
          document++;
        }
        return document;
      });
    },
  };
}

/** Index of the first of `sorted` that is greater than `value`. */
function firstAfter(sorted: Int32Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
