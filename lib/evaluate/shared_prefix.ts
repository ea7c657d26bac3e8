// Sequences that begin alike, gathered into trees, so that their common beginning is computed once.
import type { TokenTree } from '../nn/token_tree.js';

/** One forward row: inputs that share their first tokens. */
export interface SharedRow {
  readonly tree: TokenTree;
  /** The trunk, then the rest of each distinct input. */
  readonly input: Int32Array;
  /** Which sequence, and where the rest of its input begins in the row. */
  readonly members: readonly { readonly sequence: number; readonly branch: number }[];
}

/** A sequence joins its neighbour's row only if that saves this share of its tokens: attention sees the whole row. */
const leastSaving = 0.25;

/**
 * Gathers inputs into rows of at most `maxTokens` tokens (a longer input goes alone). Equal inputs share a branch, an
 * input that is the trunk needs none.
 * @param inputs those of sequences `ids[i]`
 */
export function sharedRows(
  inputs: readonly Int32Array[],
  ids: readonly number[],
  maxTokens: number,
): SharedRow[] {
  const order = ids
    .map((sequence, i) => ({ sequence, input: inputs[i] as Int32Array }))
    .sort((a, b) => lexical(a.input, b.input) || a.sequence - b.sequence);
  const rows: SharedRow[] = [];
  let open: typeof order = [];
  let [trunk, tokens] = [0, 0]; // of the open row
  for (const next of order) {
    const last = open.at(-1)?.input;
    // Sorted: what the first and the new one share, all between them share.
    const shared = last ? Math.min(trunk, commonLength(last, next.input)) : 0;
    const separate = tokens + next.input.length;
    const distinct = open.length > 0 ? distinctTokens([...open, next], shared) : separate;
    const saved = separate - distinct;
    if (last && distinct <= maxTokens && saved >= leastSaving * next.input.length) {
      open.push(next);
      [trunk, tokens] = [shared, distinct];
      continue;
    }
    if (open.length > 0) rows.push(rowOf(open, trunk));
    open = [next];
    trunk = tokens = next.input.length;
  }
  if (open.length > 0) rows.push(rowOf(open, trunk));
  return rows;
}

interface Member {
  readonly sequence: number;
  readonly input: Int32Array;
}

/** Tokens of a row with this trunk, equal inputs once. */
function distinctTokens(members: readonly Member[], trunk: number): number {
  let tokens = trunk;
  members.forEach(({ input }, i) => {
    if (i === 0 || lexical((members[i - 1] as Member).input, input) !== 0)
      tokens += input.length - trunk;
  });
  return tokens;
}

function rowOf(open: readonly Member[], trunk: number): SharedRow {
  const input: number[] = Array.from((open[0] as Member).input.subarray(0, trunk));
  const branches: number[] = [];
  let before: Int32Array | undefined;
  let branch = trunk;
  const members = open.map(({ sequence, input: own }) => {
    if (!before || lexical(before, own) !== 0) {
      branch = input.length;
      input.push(...own.subarray(trunk));
      if (own.length > trunk) branches.push(own.length - trunk);
    }
    before = own;
    return { sequence, branch };
  });
  return { tree: { trunk, branches }, input: Int32Array.from(input), members };
}

function commonLength(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let i = 0;
  while (i < end && a[i] === b[i]) i++;
  return i;
}

/** Order of words in a dictionary. */
function lexical(a: Int32Array, b: Int32Array): number {
  const i = commonLength(a, b);
  return i < a.length && i < b.length ? (a[i] as number) - (b[i] as number) : a.length - b.length;
}
