// Several texts as rows of token ids: cut to a length and padded, on the sides asked for, as transformers does it.
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from './tokenizer.js';

export type Side = 'left' | 'right';

export interface EncodeBatchOptions {
  /** Fill every row to the longest one on this side; without it rows keep their lengths. */
  padding?: Side | undefined;
  /** On which side tokens of the text are dropped; default: right. Special tokens around it stay. */
  truncation?: Side | undefined;
  /** Longest row, special tokens included; without it nothing is dropped. */
  maxLength?: number | undefined;
  /** Fill with this id; default: the tokenizer's padding token, else EOS, else 0. */
  padId?: number | undefined;
  /** As in `encode`; default true. */
  addSpecialTokens?: boolean | undefined;
}

export interface EncodedBatch {
  ids: number[][];
  /** 1: a token of the text or a special one around it; 0: padding. */
  attentionMask: number[][];
}

/**
 * The rows of `tokenizer(texts, padding=…, truncation=…, max_length=…)` in transformers.
 * @throws LoraShearError `CONFIG_INVALID` for truncation without a length, and for a length that the special tokens alone fill
 */
export function encodeBatch(
  tokenizer: Tokenizer,
  texts: readonly string[],
  options: EncodeBatchOptions = {},
): EncodedBatch {
  const { padding, maxLength, addSpecialTokens = true } = options;
  const padId = options.padId ?? tokenizer.padId ?? tokenizer.eosId ?? 0;
  const around = addSpecialTokens ? specialTokensAround(tokenizer) : { before: [], after: [] };
  const room = roomFor(around.before.length + around.after.length, options);
  const rows = texts.map((text) => {
    const ids = tokenizer.encode(text, { addSpecialTokens });
    if (maxLength === undefined || ids.length <= maxLength) return ids;
    const plain = tokenizer.encode(text, { addSpecialTokens: false });
    const kept = options.truncation === 'left' ? lastOf(plain, room) : plain.slice(0, room);
    return [...around.before, ...kept, ...around.after];
  });
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const padded = (row: readonly number[], filler: number): number[] => {
    if (padding === undefined) return [...row];
    const fill = new Array<number>(longest - row.length).fill(filler);
    return padding === 'left' ? [...fill, ...row] : [...row, ...fill];
  };
  return {
    ids: rows.map((row) => padded(row, padId)),
    attentionMask: rows.map((row) =>
      padded(
        row.map(() => 1),
        0,
      ),
    ),
  };
}

function lastOf(ids: readonly number[], count: number): readonly number[] {
  return count === 0 ? [] : ids.slice(-count);
}

/** Tokens of the text that fit beside `special` special ones. */
function roomFor(special: number, { truncation, maxLength }: EncodeBatchOptions): number {
  if (maxLength === undefined) {
    if (truncation === undefined) return Infinity;
    throw new LoraShearError('CONFIG_INVALID', 'truncation was asked for without a length', {
      hint: 'give maxLength, for example the model’s context',
    });
  }
  if (Number.isInteger(maxLength) && maxLength > 0 && maxLength >= special) {
    return maxLength - special;
  }
  throw new LoraShearError('CONFIG_INVALID', `rows of at most ${maxLength} tokens were asked for`, {
    hint: `give a whole number from ${Math.max(1, special)} on: the tokenizer adds ${special} special tokens`,
    facts: { maxLength, special },
  });
}

/** What the tokenizer puts before and after every text, seen on one that has no special token. */
function specialTokensAround(tokenizer: Tokenizer): { before: number[]; after: number[] } {
  const plain = tokenizer.encode('a', { addSpecialTokens: false });
  const whole = tokenizer.encode('a');
  const at = whole.findIndex((_, i) => plain.every((id, j) => whole[i + j] === id));
  return { before: whole.slice(0, at), after: whole.slice(at + plain.length) };
}
