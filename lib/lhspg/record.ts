// What an LHSPG run writes down of its periods, in the dense model's numbers.
import type { LhspgArtefact } from '../artefacts.js';
import type { Context } from '../context.js';
import type { Partition } from '../groups/group.js';
import type { Choice } from './period.js';
import type { RunningModel } from './running_model.js';
import type { LhspgState } from './state.js';

/** Records the choice of the period that begins. */
export function recordChoice(
  state: LhspgState,
  running: RunningModel,
  { chosen, scores }: Choice,
  { index, steps }: { index: number; steps: number },
): void {
  const before = state.losses.at(-1)?.loss ?? null;
  const dense = [...chosen].map(([id, places]) => ({
    group: id,
    units: running.denseUnits(id, places),
    scores: places.map((place) => scores.get(id)?.[place] ?? NaN),
  }));
  for (const [id, list] of scores) {
    const all = running.whole.groups.find((group) => group.id === id)?.units ?? 0;
    const own = (state.scores[id] ??= Array.from({ length: all }, () => 0));
    for (const [place, unit] of running.denseUnits(id, list.keys()).entries()) {
      own[unit] = list[place] ?? 0;
    }
  }
  state.chosen = Object.fromEntries(dense.map(({ group, units }) => [group, units]));
  state.periods.push({
    ...{ index, steps, chosen: dense, lossBefore: before, lossAfter: before, zeroUnits: 0 },
    ...{ walk: [], equality: null, parameters: running.partition.parameters },
  });
}

/** Records the loss of a step that is done, and tells of it. */
export function recordStep(
  ctx: Context,
  state: LhspgState,
  { loss, phase, total }: { loss: number; phase: string; total: number },
): void {
  const { step } = state;
  state.losses.push({ step, loss, phase });
  const progress = { done: step, total, unit: 'step', loss, note: phase };
  ctx.emit({ type: 'progress', stage: 'lhspg', ...progress });
  ctx.emit({ type: 'metric', stage: 'lhspg', step, values: { loss, phase } });
}

/** Points of a period's walk that are read back and kept. */
const points = 32;

/** Whether the walk is read back at step `t` of the period's `steps`: evenly, and at the last. */
export function recordShrinking(t: number, steps: number): boolean {
  const every = Math.ceil(steps / points);
  return t % every === 0 || t === steps - 1;
}

/** Which units of the dense model stayed and which went, for every group that had to lose some. */
export function keptUnits(
  { groups }: Partition,
  totals: ReadonlyMap<string, number>,
  { removed, scores }: LhspgState,
): LhspgArtefact['kept'] {
  return groups
    .filter(({ id }) => (totals.get(id) ?? 0) > 0)
    .map(({ id, units }) => {
      const gone = new Set(removed[id]);
      const kept = Array.from({ length: units }, (_, u) => u).filter((u) => !gone.has(u));
      return { group: id, kept, removed: [...gone], scores: scores[id] ?? [] };
    });
}
