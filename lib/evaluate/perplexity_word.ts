// The parts of a perplexity that is asked for in one word; the command line loads this and no protocol.
import type { PerplexitySpec } from './perplexity_spec.js';

/** The text of a protocol that names none. */
export const defaultText = 'wikitext2';

/** A name, a window of so many tokens, a text and its file; only the first is needed. */
const form = /^([^@:=]+)(?:@(\d+))?(?::([^=]+)(?:=(.+))?)?$/;

/** The parts of the word, unchecked; null when it does not have its form. */
export function partsOfSpec(word: string): { [K in keyof PerplexitySpec]: unknown } | null {
  const found = form.exec(word);
  if (!found) return null;
  const [, protocol = '', window, text = defaultText, path] = found;
  return {
    protocol,
    text,
    ...(path === undefined ? {} : { path }),
    ...(window === undefined ? {} : { window: Number(window) }),
  };
}
