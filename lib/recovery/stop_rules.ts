// When recovery ends before its rounds are done: nothing moves any more, or it has stopped helping (paper Alg. 5).
import type { RecoveryState } from './state.js';

export interface StopRules {
  /** Stop when no source's degradation moved by more than this in two rounds. */
  readonly tolerance: number;
  /** Rounds without a better state after which to stop. */
  readonly patience: number;
}

/**
 * Why to stop after the round that has just been measured; '' to go on. Called before `state.round` is counted up.
 * @param now degradation after the round
 */
export function stopReason(
  state: Pick<RecoveryState, 'round' | 'rounds' | 'bestRound'>,
  now: Readonly<Record<string, number>>,
  { tolerance, patience }: StopRules,
): string {
  const before = state.rounds.slice(-2).map((r) => r.degradation);
  const still = [...before, now]
    .slice(1)
    .every((delta, i) => largestMove(before[i] ?? {}, delta) < tolerance);
  if (state.rounds.length >= 2 && still) return 'converged';
  return state.round - state.bestRound >= patience ? 'validation worsened' : '';
}

const largestMove = (
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): number =>
  Math.max(...Object.entries(now).map(([name, delta]) => Math.abs(delta - (before[name] ?? NaN))));
