// Long arrays of a result cross in pieces: the main thread reads one message at a stretch, and 250,000 scored tokens
// in one message held it for 130 ms.

/** Elements in one message: about a millisecond to read. */
const pieceLength = 2048;

/** Where an array stands in the result: names and indices from the outside in. */
export type Path = readonly (string | number)[];

export interface Piece {
  readonly path: Path;
  readonly items: readonly unknown[];
}

/** The result with every long array emptied, and what was in them, outer arrays before the inner. */
export function takeApart(value: unknown): { whole: unknown; pieces: Piece[] } {
  const pieces: Piece[] = [];
  return { whole: emptied(value, [], pieces), pieces };
}

/** Plain arrays and objects are copied as far as they are walked; anything else crosses as it is. */
function emptied(value: unknown, path: Path, pieces: Piece[]): unknown {
  // No result is this deep; one that refers to itself would be.
  if (path.length > 16) return value;
  if (Array.isArray(value)) {
    const inner: Piece[] = [];
    const items = value.map((item, i) => emptied(item, [...path, i], inner));
    if (items.length <= pieceLength) {
      pieces.push(...inner);
      return items;
    }
    for (let start = 0; start < items.length; start += pieceLength) {
      pieces.push({ path, items: items.slice(start, start + pieceLength) });
    }
    for (const piece of inner) pieces.push(piece);
    return [];
  }
  if (value === null || typeof value !== 'object') return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const fields = Object.entries(value).map(([key, field]) => [
    key,
    emptied(field, [...path, key], pieces),
  ]);
  return Object.fromEntries(fields) as unknown;
}

/** Gathers the pieces of one result as they come. */
export function gather(): { add: (piece: Piece) => void; finish: (whole: unknown) => unknown } {
  const arrays = new Map<string, { path: Path; items: unknown[] }>();
  return {
    add({ path, items }) {
      const key = JSON.stringify(path);
      const known = arrays.get(key);
      if (known) for (const item of items) known.items.push(item);
      else arrays.set(key, { path, items: [...items] });
    },
    finish(whole) {
      let value = whole;
      for (const { path, items } of arrays.values()) {
        const last = path.at(-1);
        if (last === undefined) value = items;
        else inside(value, path.slice(0, -1))[last] = items;
      }
      return value;
    },
  };
}

function inside(value: unknown, path: Path): Record<string | number, unknown> {
  let found = value as Record<string | number, unknown>;
  for (const key of path) found = found[key] as Record<string | number, unknown>;
  return found;
}
