// The instruction stage's feed: batches of examples, packed in rows or padded, validated by the loss on held-out responses.
import type { Context } from '../context.js';
import type { DeckState } from '../data/deck.js';
import {
  type Example,
  createExampleSampler,
  ignored,
  padBatch,
} from '../data/instruction_examples.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { scoped } from '../tensor/scope.js';
import { nextTokenLoss } from '../train/language_model_loss.js';
import type { Feed } from './feed.js';

/** The only source of an instruction feed. */
const source = 'instructions';

export interface InstructFeedOptions {
  /** Examples in one optimiser step. */
  readonly batch: number;
  readonly padId: number;
  readonly seed: number;
  /** Tokens of a row in which examples are packed; without it each has a row of its own. */
  readonly length?: number | undefined;
}

export function instructFeed(
  ctx: Context,
  examples: readonly Example[],
  validation: readonly Example[],
  { batch, padId, seed, length }: InstructFeedOptions,
): Feed {
  const sampler = createExampleSampler({ examples, padId, seed, length });
  return {
    sources: [source],
    sizes: { [source]: examples.length },
    perStep: batch,
    next: () => sampler.next(batch),
    beginRound: () => sampler.beginRound(),
    validate: (model) => ({ [source]: responseLoss(ctx, model, validation, { batch, padId }) }),
    state: () => sampler.state(),
    restore(state) {
      sampler.restore(state as DeckState);
    },
  };
}

/** Mean loss in nats over all response tokens. */
export function responseLoss(
  ctx: Context,
  model: Model,
  examples: readonly Example[],
  { batch, padId }: { batch: number; padId: number },
): number {
  let nats = 0;
  let targets = 0;
  for (let i = 0; i < examples.length; i += batch) {
    ctx.checkpoint();
    const rows = padBatch(examples.slice(i, i + batch), padId);
    // the first token of a row is never predicted
    const count = rows.labels.reduce(
      (n, y, j) => (y !== ignored && j % rows.length > 0 ? n + 1 : n),
      0,
    );
    if (count === 0) continue;
    nats += count * noGrad(() => scoped(() => nextTokenLoss(model, rows).item()));
    targets += count;
  }
  return nats / targets;
}
