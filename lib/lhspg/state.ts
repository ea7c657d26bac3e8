// Where an LHSPG run stands: plain JSON beside the tensors, enough to go on bit for bit.
import type { LhspgArtefact } from '../artefacts.js';
import type { SamplerState } from '../data/sampler.js';
import type { ScoreAverageState } from '../saliency/average.js';
import { periodQuotas } from './quota.js';

/** A stretch of steps: the warm-up, or one pruning period. */
export interface Segment {
  readonly kind: 'warmup' | 'period';
  /** Number of the period, −1 for the warm-up. */
  readonly index: number;
  readonly steps: number;
}

/** Warm-up first, then `periods` periods that share the other steps; a run of 0 steps is one cut at once. */
export function segmentsOf(options: {
  steps: number;
  warmupSteps: number;
  periods: number;
}): Segment[] {
  const { steps, warmupSteps, periods } = options;
  const lengths = periodQuotas(steps - warmupSteps, periods);
  return [
    { kind: 'warmup' as const, index: -1, steps: warmupSteps },
    ...lengths.map((length, index) => ({ kind: 'period' as const, index, steps: length })),
  ].filter(({ kind, steps: n }) => kind === 'period' || n > 0);
}

export interface LhspgState {
  segment: number;
  /** Steps done in the segment. */
  t: number;
  /** Steps done in all. */
  step: number;
  /** Units chosen in the running period, null before its choice. Units are numbered as in the dense model. */
  chosen: Record<string, number[]> | null;
  /** Units that earlier periods removed. */
  removed: Record<string, number[]>;
  /** Every unit's score at its group's last choice. */
  scores: Record<string, number[]>;
  /** Scores of the steps since the last choice, averaged; for saliencies that need nothing but the model. */
  average: ScoreAverageState | null;
  sampler: SamplerState;
  periods: LhspgArtefact['periods'];
  losses: LhspgArtefact['losses'];
  /** Where training went wrong, was taken back to the last good period, and went on at half the rate. */
  rollbacks: LhspgArtefact['rollbacks'];
}

export function freshState(sampler: SamplerState): LhspgState {
  return {
    segment: 0,
    t: 0,
    step: 0,
    chosen: null,
    removed: {},
    scores: {},
    average: null,
    sampler,
    periods: [],
    losses: [],
    rollbacks: [],
  };
}
