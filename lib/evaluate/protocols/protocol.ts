// What a perplexity protocol is: how a text is cut into what the model reads, and what its numbers are.
import type { Tokenizer } from '../../tokenizer/tokenizer.js';
import type { ScoredSequence } from '../log_likelihood.js';

/** A text as protocols read it. */
export interface EvaluationText {
  /** `wikitext2`, `ptb`, or a name of the user's. */
  readonly name: string;
  /** File that it was read from; null for the hub cache's. */
  readonly path: string | null;
  /** Rows of the data set: lines of WikiText-2, sentences of PTB; a text of the user's is one row. */
  readonly rows: readonly string[];
  /** The whole text as its file has it. */
  readonly whole: string;
}

/** A text in the form of a protocol. */
export interface CutText {
  readonly sequences: readonly ScoredSequence[];
  /** Tokens of the text, before it was cut. */
  readonly tokens: number;
  readonly documents: number;
  /** Parts between white space, in the text before anything was changed. */
  readonly words: number;
  /** Of that text in UTF-8. */
  readonly bytes: number;
}

/** One file in lib/evaluate/protocols, one line in the registry. */
export interface Protocol {
  /** For the help: what it measures and whose numbers it gives. */
  readonly description: string;
  /** Tokens of a window, unless another is asked for. @param context of the model, in tokens */
  window(context: number): number;
  /** Fewest tokens that a window may have. */
  readonly leastWindow: number;
  cut(text: EvaluationText, window: number, tokenizer: Tokenizer): CutText;
  /** @param logLikelihood of all scored tokens together, in nats; `scored` tokens */
  metrics(logLikelihood: number, scored: number, cut: CutText): Readonly<Record<string, number>>;
  /** The metric that stands for all, in tables. */
  readonly headline: string;
}
