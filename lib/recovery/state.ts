// Where a recovery stands: plain JSON, saved beside its tensors.
import type { RecoveryArtefact } from '../artefacts.js';

export type Round = RecoveryArtefact['rounds'][number];

export interface RecoveryState {
  round: number;
  /** Steps of this round. */
  t: number;
  step: number;
  tokens: number;
  /** Tokens of this round, padding included. */
  computed: number;
  feed: unknown;
  rounds: Round[];
  losses: RecoveryArtefact['losses'];
  /** −1: the state before any training is the best so far. */
  bestRound: number;
  bestLoss: number;
  stopReason: string;
  /** Of training and measuring, counted where time is limited. */
  seconds: number;
  rollbacks: NonNullable<RecoveryArtefact['rollbacks']>;
}

export function freshState(): RecoveryState {
  return {
    ...{ round: 0, t: 0, step: 0, tokens: 0, computed: 0, rounds: [], losses: [], stopReason: '' },
    ...{ feed: null, bestRound: -1, bestLoss: Infinity, seconds: 0, rollbacks: [] },
  };
}

/** Steps of a round: all steps shared evenly, the remainder early. */
export function stepsOf(
  round: number,
  { steps, rounds }: { steps: number; rounds: number },
): number {
  if (round >= rounds) return 0;
  return Math.floor(steps / rounds) + (round < steps % rounds ? 1 : 0);
}
