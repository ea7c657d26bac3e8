// A context and its continuation as tokens, split and cut as lm-eval 0.4.13 does (`_encode_pair`, `_loglikelihood_tokens`).
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { ScoredSequence } from './log_likelihood.js';
import { stripEnd } from './python_text.js';

export interface PairEncoder {
  /** @throws LoraShearError `DATA_INVALID` when one side has no token, or the continuation alone is too long */
  encode(context: string, continuation: string): ScoredSequence;
  /** Pairs that lost tokens on the left because they did not fit. */
  readonly truncated: number;
}

/**
 * Texts to tokens as lm-eval's `tok_encode`: BOS is the tokenizer's own setting, and none is added to a text that begins
 * with it. `prefixId` stands for a context where there is none: BOS, or EOS without it.
 */
export function lmEvalEncoder(tokenizer: Tokenizer): {
  readonly prefixId: number | undefined;
  encode(text: string): number[];
} {
  const prefixId = tokenizer.bosId ?? tokenizer.eosId;
  const prefix = prefixId === undefined ? '' : tokenizer.decode([prefixId]);
  const encode = (text: string): number[] =>
    tokenizer.encode(text, { addSpecialTokens: prefix === '' || !text.startsWith(prefix) });
  return { prefixId, encode };
}

/**
 * Trailing spaces of the context move to the continuation; both are tokenised as one text and split where the context
 * alone ends. Of context and continuation together the last `maxLength + 1` tokens stay (the last is no input).
 */
export function pairEncoder(tokenizer: Tokenizer, maxLength: number): PairEncoder {
  const { prefixId, encode } = lmEvalEncoder(tokenizer);

  let last = { context: '', ids: [] as number[] };
  const contextIds = (context: string): number[] => {
    if (context !== last.context) last = { context, ids: encode(context) };
    return last.ids;
  };

  const split = (context: string, continuation: string): [number[], number[]] => {
    if (context === '') {
      const ids = tokenizer.encode(continuation, { addSpecialTokens: false });
      if (prefixId === undefined || ids[0] === prefixId) return [ids.slice(0, 1), ids.slice(1)];
      return [[prefixId], ids];
    }
    const kept = stripEnd(context);
    const whole = encode(context + continuation);
    const before = kept === '' ? encode('') : contextIds(kept);
    return [before, whole.slice(before.length)];
  };

  let truncated = 0;
  return {
    get truncated() {
      return truncated;
    },
    encode(context, continuation) {
      const [before, after] = split(context, continuation);
      if (before.length === 0 || after.length === 0 || after.length > maxLength) {
        throw new LoraShearError(
          'DATA_INVALID',
          `the answer ${JSON.stringify(continuation)} has ${after.length} tokens after ${before.length} of context`,
          {
            hint: `both need at least one, and the answer at most ${maxLength}, the model's context`,
            facts: { context, continuation, maxLength },
          },
        );
      }
      // The tokens of the context are not always the beginning of the whole: lm-eval joins the two lists.
      const joined = [...before, ...after];
      if (joined.length > maxLength + 1) truncated += 1;
      const tokens = joined.slice(-(maxLength + 1));
      return { tokens, from: tokens.length - after.length };
    },
  };
}
