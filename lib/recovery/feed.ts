// What a recovery stage trains and validates on: batches with a position that can be saved, and losses by source.
import type { Model } from '../models/model.js';
import type { TokenBatch } from '../train/language_model_loss.js';

export interface FeedBatch extends TokenBatch {
  /** Tokens that are no padding. */
  readonly useful: number;
}

export interface Feed {
  /** Names of the sources, as in the mixture and the validation losses. */
  readonly sources: readonly string[];
  /** Samples (windows, instructions) that each source has. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Samples in a batch. */
  readonly perStep: number;
  next(): FeedBatch;
  /**
   * A round begins: shares of the sources from now on, and no sample comes twice before all have come. A feed of one
   * source ignores the shares.
   */
  beginRound(shares: Readonly<Record<string, number>>): void;
  /** Mean loss in nats of each source's validation sample. */
  validate(model: Model): Record<string, number>;
  /** Plain JSON; restore() continues bit for bit. */
  state(): unknown;
  restore(state: unknown): void;
}
