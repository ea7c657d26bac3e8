// The windows of text that a run measures on: what knowledge, saliency and transfer read, and what cuts are proved on.
import type { Job } from '../config/job.js';
import type { Corpus } from '../data/corpus.js';
import { createSampler } from '../data/sampler.js';
import type { TokenBatch } from '../train/language_model_loss.js';

/** Held-out windows on which cuts are proved: the first of each source's validation text. */
export function probeOf(
  { sequenceLength: length }: Job,
  validation: Corpus['validation'],
): TokenBatch {
  const ids = Int32Array.from(validation.flatMap((source) => [...source.ids.subarray(0, length)]));
  return { ids, batch: validation.length, length };
}

/** Windows that knowledge, saliency and transfer are measured on, drawn evenly by a seed of their own. */
export function calibrationOf(
  { batchSize, seed }: Job,
  sources: Corpus['train'],
  sequences: number,
): TokenBatch[] {
  const sampler = createSampler({ sources, seed: seed + 4321 });
  const rows = Math.min(batchSize, sequences);
  return Array.from({ length: Math.ceil(sequences / rows) }, () => sampler.next(rows));
}
