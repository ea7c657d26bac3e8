// The pretraining stage's feed: windows of several sources by shares, validated on windows of each.
import type { Context } from '../context.js';
import type { Sampler, SamplerState } from '../data/sampler.js';
import { type EvaluationSource, perplexity } from '../evaluate/perplexity.js';
import type { Feed } from './feed.js';

export interface PretrainingFeedOptions {
  readonly batch: number;
  /** Windows of each source's validation text that a round is measured on. */
  readonly validationWindows: number;
}

export function pretrainingFeed(
  ctx: Context,
  sampler: Sampler,
  validation: readonly EvaluationSource[],
  { batch, validationWindows }: PretrainingFeedOptions,
): Feed {
  return {
    sources: sampler.names,
    sizes: sampler.sizes,
    perStep: batch,
    next() {
      const rows = sampler.next(batch);
      return { ...rows, useful: rows.ids.length };
    },
    beginRound(shares) {
      sampler.setWeights(sampler.names.map((name) => shares[name] ?? 0));
      sampler.beginRound();
    },
    validate(model) {
      const options = { length: sampler.length, windows: validationWindows };
      const { rows } = perplexity(model, validation, ctx, options);
      return Object.fromEntries(rows.map(({ source, nll }) => [source, nll]));
    },
    state: () => sampler.state(),
    restore(state) {
      sampler.restore(state as SamplerState);
    },
  };
}
