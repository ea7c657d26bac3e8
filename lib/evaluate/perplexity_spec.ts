// What perplexity is asked for, as one word: `gptq`, `gptq@512:wikitext2`, `llm-pruner:ptb=PATH`.
import { closest } from 'fastest-levenshtein';
import { LoraShearError } from '../errors.js';
import { partsOfSpec } from './perplexity_word.js';
import { type ProtocolName, protocolNames, protocols } from './protocols/index.js';

/** One protocol on one text. */
export interface PerplexitySpec {
  readonly protocol: ProtocolName;
  /** `wikitext2`, `ptb`, or a name of one's own for the file at `path`. */
  readonly text: string;
  readonly path?: string | undefined;
  /** Tokens of a window; undefined: the protocol's own. */
  readonly window?: number | undefined;
}

/** @throws LoraShearError `CONFIG_INVALID` for another form or protocol */
export function perplexitySpec(word: string): PerplexitySpec {
  const parts = partsOfSpec(word);
  if (!parts) throw invalid(word, 'is no PROTOCOL[@WINDOW][:TEXT[=PATH]]');
  const { protocol } = parts as PerplexitySpec;
  if (!Object.hasOwn(protocols, protocol)) {
    throw invalid(word, `names no protocol; did you mean ${closest(protocol, protocolNames)}?`);
  }
  return parts as PerplexitySpec;
}

/** How a spec is called in results: `gptq:wikitext2`, and `gptq@512:wikitext2` for a window of one's own. */
export function specName({ protocol, text, window }: PerplexitySpec): string {
  return `${protocol}${window === undefined ? '' : `@${window}`}:${text}`;
}

function invalid(word: string, problem: string): LoraShearError {
  return new LoraShearError('CONFIG_INVALID', `the perplexity "${word}" ${problem}`, {
    hint: `write gptq:wikitext2, llm-pruner:ptb=FILE or gptq@512:NAME=FILE; protocols are ${protocolNames.join(', ')}`,
    facts: { perplexity: word, protocols: protocolNames },
  });
}
