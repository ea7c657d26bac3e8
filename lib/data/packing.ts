// Cuts a token stream into windows of equal length that do not overlap, as the experiment of algorithm.md §9 does.

/** Windows of one stream. `window(i)` is a view, not a copy: do not write to it. */
export interface Windows {
  readonly count: number;
  /** Tokens in each window. */
  readonly length: number;
  window(index: number): Int32Array;
}

/**
 * `floor((n - 1) / length)` windows of `length` tokens from the front of the stream; the rest is left out.
 * Documents are not kept apart: the EOS after each tells the model where one ends.
 */
export function windows(stream: { readonly ids: Int32Array }, length: number): Windows {
  const { ids } = stream;
  if (!Number.isInteger(length) || length < 1) throw new RangeError(`window length ${length}`);
  const count = Math.max(0, Math.floor((ids.length - 1) / length));
  return {
    count,
    length,
    window(index) {
      if (!(index >= 0 && index < count)) throw new RangeError(`window ${index} of ${count}`);
      return ids.subarray(index * length, (index + 1) * length);
    },
  };
}
