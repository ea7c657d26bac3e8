// The text of tokens that come one by one: as soon as it is known, never half a character.
import type { Tokenizer } from '../tokenizer/tokenizer.js';

export interface TextStream {
  /** The text that this token makes certain; empty while a character is incomplete. */
  push(id: number): string;
  /** What is left, replacement characters for a character that was never completed. */
  end(): string;
}

/** Tokens before the new ones that are decoded with them, since a decoder may strip the first space of a text. */
const contextTokens = 6;
/** A character has at most four bytes; a longer run of broken ones is broken for good. */
const patience = 12;

/**
 * Pieces that together are the decoded text after `prompt`. The last tokens are decoded with those before them
 * each time (a token's text depends on its neighbours), and the text is given out unless it ends in a replacement
 * character, which a coming byte may complete.
 */
export function textStream(
  tokenizer: Pick<Tokenizer, 'decode'>,
  prompt: readonly number[] = [],
): TextStream {
  const decode = (ids: readonly number[]): string =>
    tokenizer.decode(ids, { skipSpecialTokens: true });
  let before = prompt.slice(-contextTokens);
  let pending: number[] = [];
  const release = (text: string): void => {
    // What made no text of its own, such as a skipped special token, is no context.
    if (text === '') return;
    before = [...before, ...pending].slice(-Math.max(contextTokens, pending.length));
    pending = [];
  };
  const fresh = (): string => decode([...before, ...pending]).slice(decode(before).length);
  return {
    push(id) {
      pending.push(id);
      const text = fresh();
      if (text.endsWith('\uFFFD') && pending.length < patience) return '';
      release(text);
      return text;
    },
    end() {
      const text = fresh();
      release(text);
      return text;
    },
  };
}
