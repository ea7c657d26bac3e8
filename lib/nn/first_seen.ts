// Hidden tokens as one number a query: the first token that it sees, where it sees all from there to itself.

export interface Rows {
  readonly batch: number;
  /** Tokens of a row that ask. */
  readonly length: number;
  /** Tokens of a row before them. */
  readonly past: number;
  /** 0 where a token of a row, those before included, is padding. */
  readonly mask: readonly (readonly number[])[] | null;
  /** Where the document of each asking token begins in its row (batch · length). */
  readonly starts: Int32Array | null;
}

/**
 * The first token that each query sees of the last `width` ones (B or 1, T); padding sees itself. Null where padding
 * lies inside a text.
 */
export function firstSeen(
  { batch, length, past, mask, starts }: Rows,
  width: number,
): Int32Array | null {
  const texts = mask?.map(textOf);
  if (texts?.includes(null)) return null;
  const rows = mask || starts ? batch : 1;
  return Int32Array.from({ length: rows * length }, (_, i) => {
    const row = Math.floor(i / length);
    const own = past + (i % length);
    if (mask?.[row]?.[own] === 0) return own;
    return Math.max(texts?.[row] ?? starts?.[i] ?? 0, own - width + 1);
  });
}

/** Where the ones of a row begin; null where they are several runs. */
function textOf(row: readonly number[]): number | null {
  const begin = row.indexOf(1);
  const end = row.lastIndexOf(1);
  return begin >= 0 && row.slice(begin, end).includes(0) ? null : Math.max(0, begin);
}
