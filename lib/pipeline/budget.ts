// How a job's training tokens become optimiser steps of LHSPG and of recovery.
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';

export interface Budget {
  /** Steps of LHSPG, warm-up included. */
  readonly lhspg: number;
  readonly warmup: number;
  /** Steps of the pretraining recovery. */
  readonly recovery: number;
  /** Tokens in one step. */
  readonly tokensPerStep: number;
}

/** @throws CONFIG_INVALID when the tokens do not reach for one step a period and one of recovery */
export function budgetOf({ tokens, batchSize, sequenceLength, lhspg, recovery }: Job): Budget {
  const tokensPerStep = batchSize * sequenceLength;
  const steps = Math.floor(tokens / tokensPerStep);
  const periods = lhspg.form.startsWith('one-shot') ? 0 : lhspg.periods;
  const least = periods + recovery.rounds;
  if (steps < least) {
    throw new LoraShearError(
      'CONFIG_INVALID',
      `${tokens} tokens make ${steps} steps of ${tokensPerStep}; ${periods} periods and ${recovery.rounds} rounds take ${least}`,
      { hint: `give at least ${least * tokensPerStep} tokens, or a smaller batch_size` },
    );
  }
  // both phases together never take more than the job gives
  const wished = Math.max(periods, Math.round(lhspg.tokenShare * steps));
  const pruning = periods === 0 ? 0 : Math.min(wished, steps - recovery.rounds);
  const warmup = Math.min(pruning - periods, Math.round(lhspg.warmupShare * pruning));
  return { lhspg: pruning, warmup, recovery: steps - pruning, tokensPerStep };
}
