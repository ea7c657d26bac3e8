// What a recovery stage trains and validates on: batches with a position that can be saved, and losses by source.
import type { Model } from '../models/model.js';
import type { TokenBatch } from '../train/language_model_loss.js';

export interface Feed {
  /** Names of the sources, as in the mixture and the validation losses. */
  readonly sources: readonly string[];
  next(): TokenBatch;
  /** Shares of the sources from now on; a feed of one source ignores it. */
  setMixture(shares: Readonly<Record<string, number>>): void;
  /** Mean loss in nats of each source's validation sample. */
  validate(model: Model): Record<string, number>;
  /** Plain JSON; restore() continues bit for bit. */
  state(): unknown;
  restore(state: unknown): void;
}
