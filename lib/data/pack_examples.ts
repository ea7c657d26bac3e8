// Several examples in one row, so that little of a batch is padding: first-fit decreasing within the batch.

/** Whether a batch's examples share rows or have one each. */
export const examplePackings = ['rows', 'padded'] as const;
export type ExamplePacking = (typeof examplePackings)[number];

/** Label of a token that is not to be predicted, as in PyTorch's cross entropy. */
export const ignored = -100;

export interface Example {
  ids: Int32Array;
  /** Same length as `ids`, not shifted: `ids[i]` where token i counts as a target, else {@link ignored}. */
  labels: Int32Array;
}

export interface ExampleBatch {
  /** batch × length, row by row; rows are padded on the right with the pad id. */
  ids: Int32Array;
  /** batch × length; {@link ignored} on padding. */
  labels: Int32Array;
  /** batch × length, where rows are shared: the example of each token in its row; padding comes after the last. */
  segments?: Int32Array;
  /** Rows. */
  batch: number;
  /** Tokens of the longest row. */
  length: number;
  /** Tokens that are no padding. */
  useful: number;
}

/**
 * The examples in as few rows of `length` tokens as first-fit decreasing finds (at most 11/9 of the least and 6/9 more,
 * Dósa 2007). Trained on with segments, the mean over all targets is that of the padded batch.
 */
export function packExamples(
  examples: readonly Example[],
  length: number,
  padId: number,
): ExampleBatch {
  const rows = firstFitDecreasing(
    examples.map(({ ids }) => ids.length),
    length,
  ).map((row) => row.map((i) => examples[i] as Example));
  const longest = Math.max(0, ...rows.map(usefulTokens));
  const ids = new Int32Array(rows.length * longest).fill(padId);
  const labels = new Int32Array(ids.length).fill(ignored);
  const segments = new Int32Array(ids.length);
  for (const [r, row] of rows.entries()) {
    let at = r * longest;
    for (const [segment, example] of row.entries()) {
      ids.set(example.ids, at);
      labels.set(example.labels, at);
      segments.fill(segment, at, at + example.ids.length);
      at += example.ids.length;
    }
    segments.fill(row.length, at, (r + 1) * longest);
  }
  const useful = usefulTokens(examples);
  return { ids, labels, segments, batch: rows.length, length: longest, useful };
}

export const usefulTokens = (examples: readonly Example[]): number =>
  examples.reduce((n, { ids }) => n + ids.length, 0);

/** Indices of `sizes` in bins of `room`; a size that is larger has a bin of its own. */
export function firstFitDecreasing(sizes: readonly number[], room: number): number[][] {
  const bins: { left: number; items: number[] }[] = [];
  const largestFirst = [...sizes.entries()].sort(([, a], [, b]) => b - a);
  for (const [item, size] of largestFirst) {
    let bin = bins.find(({ left }) => left >= size);
    if (!bin) bins.push((bin = { left: room, items: [] }));
    bin.items.push(item);
    bin.left -= size;
  }
  return bins.map(({ items }) => items);
}
