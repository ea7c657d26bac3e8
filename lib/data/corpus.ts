// All sources of a job as token windows: to train on, to calibrate with, and to measure by.
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { type CleaningOptions, paperCleaning } from './cleaning.js';
import type { Split } from './document.js';
import { windows } from './packing.js';
import type { StopSignal } from './stop_signal.js';
import type { SampledSource } from './sampler.js';
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
}

export interface Corpus {
  /** Windows of the training split, to sample from. */
  readonly train: SampledSource[];
  /** The validation split of each source as one row of ids. */
  readonly validation: { name: string; ids: Int32Array }[];
  /** Hash of each source's content and options, by `name/split`. */
  readonly hashes: Record<string, string>;
}

export interface CorpusOptions {
  readonly sequenceLength: number;
  readonly cacheDir?: string | undefined;
  readonly signal?: StopSignal | undefined;
}

/**
 * Opens and tokenises every source, both splits.
 * @throws DATA_NOT_FOUND, DATA_INVALID, DATA_EMPTY (also when a split is shorter than one window)
 */
export async function openCorpus(
  sources: readonly CorpusSource[],
  tokenizer: Tokenizer,
  { sequenceLength, cacheDir, signal }: CorpusOptions,
): Promise<Corpus> {
  const corpus: Corpus = { train: [], validation: [], hashes: {} };
  for (const source of sources) {
    for (const split of ['train', 'validation'] as const) {
      const stream = await tokens(source, split);
      const cut = windows(stream, sequenceLength);
      if (cut.count === 0) throw tooShort(source, split, stream, sequenceLength);
      corpus.hashes[`${source.name}/${split}`] = stream.hash;
      if (split === 'train') corpus.train.push({ name: source.name, windows: cut });
      else corpus.validation.push({ name: source.name, ids: stream.ids });
    }
  }
  return corpus;

  async function tokens(source: CorpusSource, split: Split): Promise<TokenStream> {
    const { name, path, textColumn: column, clean } = source;
    const cleaning: CleaningOptions = clean === true ? paperCleaning : {};
    const opened = await openSource(name, path, {
      split,
      ...(column === undefined ? {} : { column }),
    });
    return tokenizeSource(opened, tokenizer, {
      cleaning,
      ...(cacheDir === undefined ? {} : { cacheDir }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
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
