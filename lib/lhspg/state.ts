// Where an LHSPG run stands: plain JSON beside the tensors, enough to go on bit for bit.
import type { LhspgArtefact } from '../artefacts.js';
import type { SamplerState } from '../data/sampler.js';
import type { ScoreAverageState } from '../saliency/average.js';
import { periodQuotas } from './quota.js';

/** A stretch of steps: the warm-up, one pruning period, or training alone between rounds. */
export interface Segment {
  readonly kind: 'warmup' | 'period' | 'rest';
  /** Number of the period or the rest, −1 for the warm-up. */
  readonly index: number;
  readonly steps: number;
}

export interface SegmentOptions {
  readonly steps: number;
  readonly warmupSteps: number;
  readonly periods: number;
  /** Default 1. */
  readonly rounds?: number | undefined;
  /** Share of the steps after the warm-up that lies between rounds. */
  readonly restShare?: number | undefined;
}

/**
 * Warm-up first, then `periods` periods that share the other steps; between rounds, which divide the periods evenly, some
 * training without pruning. A run of 0 steps is one cut at once.
 */
export function segmentsOf(options: SegmentOptions): Segment[] {
  const { steps, warmupSteps, periods, rounds = 1, restShare = 0 } = options;
  const after = steps - warmupSteps;
  const breaks = Math.min(rounds, periods) - 1;
  const rest =
    breaks > 0 ? Math.min(Math.round(restShare * after), Math.max(0, after - periods)) : 0;
  const rests = breaks > 0 ? periodQuotas(rest, breaks) : [];
  const lengths = periodQuotas(after - rest, periods);
  // The last period of every round but the last one.
  const ends = periodQuotas(periods, breaks + 1).map((_, r, all) =>
    all.slice(0, r + 1).reduce((sum, n) => sum + n, 0),
  );
  return [
    { kind: 'warmup' as const, index: -1, steps: warmupSteps },
    ...lengths.flatMap((length, index): Segment[] => {
      const round = ends.indexOf(index + 1);
      const period: Segment = { kind: 'period', index, steps: length };
      return round < 0 || round >= breaks
        ? [period]
        : [period, { kind: 'rest', index: round, steps: rests[round] ?? 0 }];
    }),
  ].filter(({ kind, steps: n }) => kind === 'period' || n > 0);
}

/** The segment's name in charts and progress. */
export function phaseOf({ kind, index }: Segment): string {
  if (kind === 'warmup') return 'warm-up';
  return kind === 'period' ? `period ${index + 1}` : `rest ${index + 1}`;
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
