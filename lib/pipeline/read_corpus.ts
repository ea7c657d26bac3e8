// A job's text, read as the job says; what was left out much of is told.
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import { type Corpus, openCorpus } from '../data/corpus.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

/** @throws as {@link openCorpus} */
export function readCorpus(
  ctx: Context,
  { sources, sequenceLength, deduplicate }: Job,
  tokenizer: Tokenizer,
  cacheDir: string,
): Promise<Corpus> {
  return openCorpus(sources, tokenizer, {
    ...{ sequenceLength, cacheDir, deduplicate },
    signal: { throwIfAborted: ctx.checkpoint },
    warn: (message) => {
      ctx.emit({ type: 'warning', message });
    },
  });
}
