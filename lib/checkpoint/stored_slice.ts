// What is read of a stored tensor: some of its rows, and some columns of each.
import type { TensorEntry } from './safetensors_header.js';

/** Runs as pairs [first, count, …]. */
export type Runs = readonly number[];

/** A tensor seen as rows along its last dimension; one of one dimension is one row. */
export interface StoredSlice {
  readonly entry: TensorEntry;
  readonly elementBytes: number;
  /** Elements of a stored row. */
  readonly width: number;
  /** Rows that are read. */
  readonly rows: Runs;
  readonly rowCount: number;
  /** Columns that are read; null: all. */
  readonly columns: Float64Array | null;
  /** Bytes of a row that is read. */
  readonly rowBytes: number;
  /** Shape of what is read. */
  readonly shape: readonly number[];
}

/** @param kept indices that are read, ascending, by dimension; all where there is no entry */
export function storedSlice(
  entry: TensorEntry,
  elementBytes: number,
  kept: ReadonlyMap<number, readonly number[]>,
): StoredSlice {
  const { shape } = entry;
  const last = Math.max(shape.length - 1, 0);
  const width = shape[last] ?? 1;
  const columns = kept.get(last);
  // Rows are numbered through all dimensions but the last.
  let rows: Runs = [0, 1];
  for (let dim = 0; dim < last; dim++) {
    rows = nested(rows, shape[dim] ?? 1, kept.get(dim));
  }
  const after = shape.map((extent, dim) => kept.get(dim)?.length ?? extent);
  return {
    ...{ entry, elementBytes, width, rows, shape: after },
    rowCount: rows.reduce((sum, x, i) => (i % 2 === 1 ? sum + x : sum), 0),
    columns: columns === undefined ? null : Float64Array.from(runsOf(columns)),
    rowBytes: (columns?.length ?? width) * elementBytes,
  };
}

/** The runs of ascending numbers. */
export function runsOf(indices: readonly number[]): number[] {
  const runs: number[] = [];
  for (let i = 0; i < indices.length;) {
    const first = indices[i] as number;
    let count = 1;
    while (indices[i + count] === first + count) count++;
    runs.push(first, count);
    i += count;
  }
  return runs;
}

/** Rows that each hold `extent` rows become those. */
function nested(outer: Runs, extent: number, kept: readonly number[] | undefined): Runs {
  if (kept === undefined) return outer.map((x) => x * extent);
  const inner = runsOf(kept);
  const runs: number[] = [];
  for (let i = 0; i < outer.length; i += 2) {
    const [first, count] = [outer[i] as number, outer[i + 1] as number];
    for (let row = first; row < first + count; row++) {
      for (let j = 0; j < inner.length; j += 2) {
        runs.push(row * extent + (inner[j] as number), inner[j + 1] as number);
      }
    }
  }
  return runs;
}

/** The rows in parts of as many as `most` says each time, so that a part fits where it goes. */
export function* partsOf(
  { rows }: Pick<StoredSlice, 'rows'>,
  most: () => number,
): Generator<Float64Array> {
  let part: number[] = [];
  let free = most();
  for (let i = 0; i < rows.length; i += 2) {
    const end = (rows[i] as number) + (rows[i + 1] as number);
    for (let first = rows[i] as number; first < end;) {
      const count = Math.min(end - first, free);
      part.push(first, count);
      first += count;
      free -= count;
      if (free > 0) continue;
      yield Float64Array.from(part);
      part = [];
      free = most();
    }
  }
  if (part.length > 0) yield Float64Array.from(part);
}
