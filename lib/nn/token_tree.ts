// Texts that begin alike as one row: their common beginning, then what each goes on with, which the others do not see.
import { LoraShearError } from '../errors.js';

/** A row of tokens: a trunk, then branches that each stand behind the trunk; the rest of the row is padding. */
export interface TokenTree {
  /** Tokens that all branches see, in front of the row. */
  readonly trunk: number;
  /** Tokens of each branch, one after the other. */
  readonly branches: readonly number[];
}

/** Places of a row of `length` tokens: where each stands in its text, and the first token of its branch. */
export interface TreeRow {
  /** Position in the text, from 0; 0 for padding. */
  readonly positions: readonly number[];
  /** Index of the first token of the branch; 0 in the trunk, its own index for padding. */
  readonly starts: readonly number[];
  readonly trunk: number;
}

/** @throws LoraShearError `CONFIG_INVALID` when the tree has more tokens than the row */
export function treeRow({ trunk, branches }: TokenTree, length: number): TreeRow {
  const positions = Array.from({ length: trunk }, (_, i) => i);
  const starts = Array<number>(trunk).fill(0);
  for (const size of branches) {
    const start = starts.length;
    for (let i = 0; i < size; i++) {
      positions.push(trunk + i);
      starts.push(start);
    }
  }
  if (starts.length > length) {
    throw new LoraShearError(
      'CONFIG_INVALID',
      `a tree of ${starts.length} tokens does not fit into a row of ${length}`,
      { hint: 'give a row at least as many tokens as its trunk and branches have' },
    );
  }
  while (starts.length < length) {
    starts.push(starts.length);
    positions.push(0);
  }
  return { positions, starts, trunk };
}

/**
 * Sets bits[t·T + s] where token t of the row sees token s: the trunk and its own branch up to itself, of both no more
 * than the last `window` positions, itself included.
 */
export function markVisible(
  { positions, starts, trunk }: TreeRow,
  window: number,
  bits: Uint8Array,
): void {
  const length = positions.length;
  for (let t = 0; t < length; t++) {
    const [row, start] = [t * length, starts[t] as number];
    const oldest = (positions[t] as number) - window + 1;
    if (positions[t] === 0) {
      bits[row + t] = 1; // the first of a text, or padding, which sees itself: a softmax over nothing is no number
      continue;
    }
    const inTrunk = t < trunk ? t + 1 : trunk;
    for (let s = Math.max(0, oldest); s < inTrunk; s++) bits[row + s] = 1;
    if (t < trunk) continue;
    for (let s = Math.max(start, start + oldest - trunk); s <= t; s++) bits[row + s] = 1;
  }
}
