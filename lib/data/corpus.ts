// All sources of a job as token windows: to train on, to calibrate with, and to measure by.
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { type CleaningOptions, paperCleaning } from './cleaning.js';
import type { Split } from './document.js';
import { windows } from './packing.js';
import type { StopSignal } from './stop_signal.js';
import type { SampledSource } from './sampler.js';
import { SeenDocuments } from './seen_documents.js';
import { openSource } from './source.js';
import { type TokenStream, tokenizeSource } from './token_stream.js';

/** One pretraining source as a job names it. */
export interface CorpusSource {
  readonly name: string;
  readonly path: string;
  /** Column or field that holds the text. */
  readonly textColumn?: string | undefined;
  /** The paper's cleaning: irregular characters, short paragraphs (algorithm.md §5). */
  readonly clean?: boolean | undefined;
  /** Tokens that are read of each split at most. */
  readonly maxTokens?: number | undefined;
}

export interface Corpus {
  /** Windows of the training split, to sample from. */
  readonly train: SampledSource[];
  /** The validation split of each source as one row of ids. */
  readonly validation: { name: string; ids: Int32Array }[];
  /** What was read, by `name/split`; this is the load artefact. */
  readonly splits: Record<string, SplitFacts>;
}

export interface SplitFacts {
  /** Of the content and the options. */
  readonly hash: string;
  readonly documents: number;
  readonly tokens: number;
  /** Left out because they came before, or are in a validation split. */
  readonly duplicates: number;
}

export interface CorpusOptions {
  readonly sequenceLength: number;
  readonly cacheDir?: string | undefined;
  /**
   * Leave out documents that came before, in the order of the sources, all validation splits first: so no validation
   * document is trained on. Default false.
   */
  readonly deduplicate?: boolean | undefined;
  /** Told when more than 1 % of a split were duplicates. */
  readonly warn?: ((message: string) => void) | undefined;
  readonly signal?: StopSignal | undefined;
}

/**
 * Opens and tokenises every source, both splits.
 * @throws DATA_NOT_FOUND, DATA_INVALID, DATA_EMPTY (also when a split is shorter than one window)
 */
export async function openCorpus(
  sources: readonly CorpusSource[],
  tokenizer: Tokenizer,
  { sequenceLength, cacheDir, deduplicate = false, signal, warn }: CorpusOptions,
): Promise<Corpus> {
  const corpus: Corpus = { train: [], validation: [], splits: {} };
  const seen = deduplicate ? new SeenDocuments() : undefined;
  for (const split of ['validation', 'train'] as const) {
    for (const source of sources) {
      const stream = await tokens(source, split);
      const cut = windows(stream, sequenceLength);
      if (cut.count === 0) throw tooShort(source, split, stream, sequenceLength);
      const { hash, documents, duplicates } = stream;
      const facts = { hash, documents, tokens: stream.tokens, duplicates };
      corpus.splits[`${source.name}/${split}`] = facts;
      const told = toldOf(source.name, split, facts);
      if (told !== null) warn?.(told);
      if (split === 'train') corpus.train.push({ name: source.name, windows: cut });
      else corpus.validation.push({ name: source.name, ids: stream.ids });
    }
  }
  return corpus;

  async function tokens(source: CorpusSource, split: Split): Promise<TokenStream> {
    const { name, path, textColumn: column, clean, maxTokens } = source;
    const cleaning: CleaningOptions = clean === true ? paperCleaning : {};
    const opened = await openSource(name, path, {
      split,
      ...(column === undefined ? {} : { column }),
    });
    return tokenizeSource(opened, tokenizer, {
      cleaning,
      seen,
      maxTokens,
      ...(cacheDir === undefined ? {} : { cacheDir }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function toldOf(name: string, split: Split, { documents, duplicates }: SplitFacts): string | null {
  const all = documents + duplicates;
  if (duplicates <= 0.01 * all) return null;
  return `source "${name}", ${split}: ${duplicates} of ${all} documents came before and are left out`;
}

function tooShort(
  { name }: CorpusSource,
  split: Split,
  { tokens }: TokenStream,
  length: number,
): LoraShearError {
  return new LoraShearError(
    'DATA_EMPTY',
    `the ${split} text of source "${name}" has ${tokens} tokens, a window takes ${length + 1}`,
    {
      hint: 'add text, leave the source out, or lower sequence_length',
      facts: { name, split, tokens },
    },
  );
}
