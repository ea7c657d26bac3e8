// Scores gathered while training, for saliencies that read what LoRA has learned (algorithm.md §3.9: averaged, not of one batch).
import { ScoreAverage } from '../saliency/average.js';
import { scoreGroups } from '../saliency/mix.js';
import type { Scores } from '../saliency/saliency.js';
import { type SaliencySpec, momentsOf, needsOf } from '../saliency/spec.js';
import type { RunningModel } from './running_model.js';
import type { LhspgState } from './state.js';

/** Scores that are gathered in a segment. */
const samples = 8;

/** Is this saliency averaged over steps? The others read calibration text, which is an average already. */
export function isAveraged(spec: SaliencySpec): boolean {
  const needs = needsOf(spec);
  return needs.has('lora') && !momentsOf(spec) && !needs.has('gradients');
}

/** Whether scores are gathered after step `t` (from 1) of a segment: evenly, and at the last. */
export const samplesAt = (t: number, steps: number): boolean =>
  (steps - t) % Math.max(1, Math.floor(steps / samples)) === 0;

/** Adds the scores of now, in the dense model's numbers. */
export function gather(
  state: LhspgState,
  running: RunningModel,
  spec: SaliencySpec,
  seed: number,
): void {
  const { model, partition, whole } = running;
  const groups = partition.groups.filter(({ prunable, units }) => prunable && units > 1);
  const input = { model, groups, statistics: new Map(), removed: new Map(), seed };
  const average = new ScoreAverage(state.average ?? undefined);
  average.add(
    new Map(
      [...scoreGroups(input, spec)].map(([id, own]) => {
        const all = whole.groups.find((group) => group.id === id)?.units ?? 0;
        const dense = new Float64Array(all);
        for (const [place, unit] of running.denseUnits(id, own.keys()).entries()) {
          dense[unit] = own[place] ?? 0;
        }
        return [id, dense];
      }),
    ),
  );
  state.average = average.state();
}

/** What was gathered, by places in the running model; null when nothing was. */
export function gathered({ average }: LhspgState, running: RunningModel): Scores | null {
  if (!average) return null;
  return new Map(
    [...new ScoreAverage(average).value()].map(([id, dense]) => {
      const units = running.partition.groups.find((group) => group.id === id)?.units ?? 0;
      const places = Array.from({ length: units }, (_, place) => place);
      return [id, Float64Array.from(running.denseUnits(id, places), (unit) => dense[unit] ?? 0)];
    }),
  );
}
