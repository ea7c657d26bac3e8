// Learning rates over steps, as a share of the largest.

export interface ScheduleOptions {
  readonly total: number;
  /** Steps of the linear rise at the start. */
  readonly warmup: number;
}

const rise = (step: number, warmup: number): number =>
  warmup > 0 ? Math.min(1, (step + 1) / warmup) : 1;

const left = (step: number, total: number): number => Math.max(0, 1 - step / total);

/** Half a cosine from 1 at step 0 to 0 at `total` (and after), times the rise. `step` counts from 0. */
export function cosineWithWarmup(step: number, { total, warmup }: ScheduleOptions): number {
  return rise(step, warmup) * (0.5 + 0.5 * Math.cos(Math.PI * Math.min(1, step / total)));
}

/** The registry of schedules: key = choice in a job. */
export const schedules = {
  constant: (step, { warmup }) => rise(step, warmup),
  linear: (step, { total, warmup }) => rise(step, warmup) * left(step, total),
  cosine: cosineWithWarmup,
} as const satisfies Record<string, (step: number, options: ScheduleOptions) => number>;

export type ScheduleName = keyof typeof schedules;
