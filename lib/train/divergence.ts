// When training has gone wrong, and the one way back from it: the last good state, at half the rate.
import { LoraShearError } from '../errors.js';

/** Taken back from `step` to `backTo`, then on at `rate` times the learning rate. */
export interface Rollback {
  step: number;
  backTo: number;
  rate: number;
  reason: string;
}

/** Losses that are looked at together: one batch alone may be odd. */
const recent = 5;

/**
 * The last losses are, on average, a nat above the first and above that of a model that knows nothing (ln V).
 * Reads the first loss and the last few, however long the run is.
 * @param losses of the run so far, in nats per token
 */
export function hasDiverged(
  losses: readonly { readonly loss: number }[],
  vocabulary: number,
): boolean {
  const first = losses[0]?.loss ?? Infinity;
  const limit = Math.max(Math.log(vocabulary), first) + 1;
  if (losses.length < recent) return false;
  return losses.slice(-recent).reduce((sum, { loss }) => sum + loss, 0) / recent > limit;
}

/** PRUNE_DIVERGED, of a loss that is no number or rose too far. */
export const diverged = (what: string): LoraShearError =>
  new LoraShearError('PRUNE_DIVERGED', `the ${what}`, {
    hint: 'lower the learning rate, then go on with --resume',
  });

/** @throws PRUNE_DIVERGED where a run was taken back before: there is one way back */
export function refuseSecondRollback(rollbacks: readonly Rollback[], cause: LoraShearError): void {
  if (rollbacks.length === 0) return;
  throw new LoraShearError('PRUNE_DIVERGED', `${cause.message}, also at half the learning rate`, {
    hint: 'lower the learning rate',
    facts: { ...cause.facts, rollbacks },
    cause,
  });
}

/** The record of a way back, and what is told of it. */
export function rollbackOf(
  step: number,
  backTo: number,
  { message: reason }: LoraShearError,
): { rollback: Rollback; warning: string } {
  return {
    rollback: { step, backTo, rate: 0.5, reason },
    warning: `${reason} at step ${step}: back to step ${backTo}, on at half the learning rate`,
  };
}
