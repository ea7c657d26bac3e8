// LHSPG: progressive structured pruning with LoRA (paper Alg. 4; algorithm.md §3.9, and §9 for the transfer).
import type { LhspgArtefact } from '../artefacts.js';
import {
  disposeStatistics,
  inputStatistics,
  type InputStatistics,
} from '../calibration/input_statistics.js';
import type { Context } from '../context.js';
import type { Sampler } from '../data/sampler.js';
import { asLoraShearError } from '../errors.js';
import type { NodeGroup, Partition } from '../groups/group.js';
import { attachLora, detachLora, loraParameters, mergeLora } from '../lora/lora.js';
import type { Model } from '../models/model.js';
import { type SaliencyName, saliencies } from '../saliency/index.js';
import { type Scores, consumerPaths, consumersOf } from '../saliency/saliency.js';
import { AdamW } from '../train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../train/language_model_loss.js';
import { trainStep } from '../train/step.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { halfSpaceStep } from './half_space.js';
import { quotasOf } from './quota.js';
import { loadRun, saveRun } from './saved_run.js';
import { type Units, selectRedundant } from './select.js';
import { type LhspgState, type Segment, freshState, segmentsOf } from './state.js';
import { type Transfer, fitTransfer, transferShare } from './transfer.js';
import { type ChosenSlice, chosenSlices, walkersOf, zeroSlices } from './units.js';

export interface LhspgOptions {
  /** `paper`: the producers walk to zero with their LoRA step; `transfer`: the carriers shrink linearly while
   *  their consumers take over in closed form. With `steps` 0 either is one cut at once. */
  readonly form: 'paper' | 'transfer';
  readonly saliency: SaliencyName;
  readonly periods: number;
  /** Training steps in all, warm-up included. */
  readonly steps: number;
  readonly warmupSteps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly epsilon: number;
  readonly lora: { readonly r: number; readonly alpha: number };
  readonly seed: number;
  /** Steps between two saved states. */
  readonly saveEvery: number;
}

export interface LhspgInput {
  readonly model: Model;
  readonly partition: Partition;
  /** Units to remove in all, by group. */
  readonly totals: ReadonlyMap<string, number>;
  /** Groups that are touched last. */
  readonly guarded: ReadonlySet<string>;
  readonly sampler: Sampler;
  readonly calibration: readonly TokenBatch[];
  /** Folder of the resumable state. */
  readonly stateDir: string;
}

export type LhspgResult = Pick<LhspgArtefact, 'periods' | 'losses' | 'kept'>;

/**
 * Prunes `model` in place: afterwards every removed unit is exactly zero in all its slices, the LoRA of what
 * stays is merged, and no LoRA is attached. Goes on from `stateDir` where a run stopped.
 * @throws RUN_ABORTED after saving the state, PRUNE_DIVERGED when the loss is not finite
 */
export function lhspg(ctx: Context, input: LhspgInput, options: LhspgOptions): LhspgResult {
  const { model } = input;
  attachLora(model, { ...options.lora, seed: options.seed });
  const optimizer = new AdamW(loraParameters(model));
  const loop = new LhspgLoop(ctx, input, options, optimizer);
  try {
    return loop.run();
  } finally {
    loop.dispose();
    optimizer.dispose();
    detachLora(model);
  }
}

class LhspgLoop {
  readonly #segments: readonly Segment[];
  readonly #quotas: ReadonlyMap<string, number[]>;
  readonly #groups: readonly NodeGroup[];
  #state: LhspgState;
  #transfers: Transfer[] = [];
  #slices: ChosenSlice[] = [];

  constructor(
    readonly ctx: Context,
    readonly input: LhspgInput,
    readonly options: LhspgOptions,
    readonly optimizer: AdamW,
  ) {
    this.#segments = segmentsOf(options);
    this.#quotas = quotasOf(input.totals, options.periods, input.guarded);
    this.#groups = input.partition.groups.filter(({ id }) => (input.totals.get(id) ?? 0) > 0);
    this.#state = freshState(input.sampler.state());
  }

  run(): LhspgResult {
    this.#resume();
    try {
      for (;;) {
        const segment = this.#segments[this.#state.segment];
        if (!segment) break;
        this.ctx.checkpoint();
        if (segment.kind === 'period' && !this.#state.chosen) this.#beginPeriod(segment);
        if (this.#state.t < segment.steps) {
          this.#step(segment);
          if (this.#state.step % this.options.saveEvery === 0) this.#save();
        }
        if (this.#state.t >= segment.steps) {
          if (segment.kind === 'period') this.#endPeriod(segment);
          this.#state.segment++;
          this.#state.t = 0;
          this.#save();
        }
      }
    } catch (thrown) {
      // checkpoint() throws only between changes of the model, so the state is whole
      if (asLoraShearError(thrown).code === 'RUN_ABORTED') this.#save();
      throw thrown;
    }
    mergeLora(this.input.model);
    const { periods, losses, removed, scores } = this.#state;
    const kept = this.#groups.map(({ id, units }) => {
      const gone = removed[id] ?? [];
      const stays = Array.from({ length: units }, (_, u) => u).filter((u) => !gone.includes(u));
      return { group: id, kept: stays, removed: gone, scores: scores[id] ?? [] };
    });
    return { periods, losses, kept };
  }

  /** Scores, chooses, and fits the transfer; the model changes only at the end, by a merge. */
  #beginPeriod({ index, steps }: Segment): void {
    const { model, calibration } = this.input;
    const quotas = new Map([...this.#quotas].map(([id, list]) => [id, list[index] ?? 0]));
    const removed = this.#removed();
    const open = this.#groups.filter(({ id }) => (quotas.get(id) ?? 0) > 0);
    const statistics = inputStatistics(this.ctx, model, consumerPaths(open), calibration);
    try {
      const scores = saliencies[this.options.saliency]({
        model,
        groups: open,
        statistics,
        removed,
        limits: quotas,
        seed: this.options.seed + index,
      });
      const chosen = selectRedundant(scores, quotas, removed);
      if (this.options.form === 'transfer') {
        this.#transfers = this.#fit(open, chosen, statistics);
        mergeLora(model);
        this.optimizer.reset();
      }
      this.#state.chosen = Object.fromEntries(chosen);
      this.#record(index, steps, chosen, scores);
    } finally {
      disposeStatistics(statistics);
    }
    this.#slices = chosenSlices(this.input.partition, this.#chosen());
  }

  #fit(
    groups: readonly NodeGroup[],
    chosen: Units,
    statistics: ReadonlyMap<string, InputStatistics>,
  ): Transfer[] {
    const removed = this.#removed();
    return groups.flatMap((group) =>
      consumersOf(group).flatMap(({ slice, path }) => {
        const features = (units: Iterable<number>): number[] =>
          [...units].flatMap((u) => sliceIndices(slice, group.units, u));
        const redundant = features(chosen.get(group.id) ?? []);
        const moments = statistics.get(path);
        if (redundant.length === 0 || !moments) return [];
        const gone = new Set(features(removed.get(group.id) ?? []));
        return fitTransfer(path, moments, redundant, gone, this.input.model.device);
      }),
    );
  }

  #step({ index, steps, kind }: Segment): void {
    const { model, sampler } = this.input;
    const { batch: rows, learningRate, warmupSteps, form } = this.options;
    const state = this.#state;
    const batch = sampler.next(rows);
    const rise = warmupSteps > 0 ? Math.min(1, (state.step + 1) / warmupSteps) : 1;
    const loss = trainStep(() => nextTokenLoss(model, batch), this.optimizer, learningRate * rise);
    if (kind === 'period') {
      const remaining = steps - state.t;
      this.#shrink(remaining);
      if (form === 'transfer') this.#transfer(1 / steps);
    }
    state.t++;
    state.step++;
    const phase = kind === 'warmup' ? 'warm-up' : `period ${index + 1}`;
    state.losses.push({ step: state.step, loss, phase });
    state.sampler = sampler.state();
    const { steps: total } = this.options;
    const progress = { done: state.step, total, unit: 'step', loss, note: phase };
    this.ctx.emit({ type: 'progress', stage: 'lhspg', ...progress });
    this.ctx.emit({ type: 'metric', stage: 'lhspg', step: state.step, values: { loss, phase } });
  }

  /** The half-space step on what walks to zero; the other producers of a shrinking unit stand still. */
  #shrink(remaining: number): void {
    const { form, epsilon } = this.options;
    const producers = this.#slices.filter(({ slice }) => slice.role === 'producer');
    const walking = form === 'paper' ? producers : walkersOf(this.#slices);
    halfSpaceStep(this.input.model, walking, {
      ...{ remaining, epsilon, optimizer: this.optimizer },
      loraStep: form === 'paper',
    });
    if (form === 'transfer') {
      const factors = producers.filter(({ slice }) => slice.lora === 'B');
      zeroSlices(this.input.model, factors, this.optimizer);
    }
  }

  #transfer(share: number): void {
    const linears = this.input.model.linears();
    for (const transfer of this.#transfers) {
      const linear = linears.get(transfer.path);
      if (linear) transferShare(linear, transfer, share);
    }
  }

  /** What was chosen is exactly zero everywhere; what stays keeps what it learned (merge). */
  #endPeriod({ index, steps }: Segment): void {
    const { model } = this.input;
    if (steps === 0 && this.options.form === 'transfer') this.#transfer(1);
    zeroSlices(model, this.#slices, this.optimizer);
    mergeLora(model);
    this.optimizer.reset();
    const { removed, chosen, periods, losses } = this.#state;
    for (const [id, units] of Object.entries(chosen ?? {})) {
      removed[id] = [...(removed[id] ?? []), ...units].sort((a, b) => a - b);
    }
    const period = periods[index];
    if (period) {
      period.lossAfter = losses.at(-1)?.loss ?? null;
      period.zeroUnits = Object.values(removed).reduce((n, units) => n + units.length, 0);
    }
    this.#state.chosen = null;
    this.#slices = [];
    this.dispose();
  }

  #record(index: number, steps: number, chosen: Units, scores: Scores): void {
    const before = this.#state.losses.at(-1)?.loss ?? null;
    for (const [id, list] of scores) this.#state.scores[id] = [...list];
    this.#state.periods.push({
      index,
      steps,
      chosen: [...chosen].map(([group, units]) => ({
        group,
        units,
        scores: units.map((u) => scores.get(group)?.[u] ?? NaN),
      })),
      lossBefore: before,
      lossAfter: before,
      zeroUnits: 0,
    });
  }

  #removed(): Map<string, ReadonlySet<number>> {
    return new Map(Object.entries(this.#state.removed).map(([id, units]) => [id, new Set(units)]));
  }

  #chosen(): Units {
    return new Map(Object.entries(this.#state.chosen ?? {}));
  }

  #save(): void {
    const { model, stateDir } = this.input;
    saveRun(stateDir, model, this.optimizer, this.#state, this.#transfers);
    this.ctx.emit({ type: 'saved', path: stateDir, what: 'LHSPG state' });
  }

  #resume(): void {
    const { model, partition, sampler, stateDir } = this.input;
    const saved = loadRun(stateDir, model, this.optimizer);
    if (!saved) return;
    this.#state = saved.state;
    this.#transfers = saved.transfers;
    sampler.restore(this.#state.sampler);
    this.#slices = chosenSlices(partition, this.#chosen());
  }

  /** Frees what is kept for the running period. */
  dispose(): void {
    for (const { coefficients } of this.#transfers) coefficients.dispose();
    this.#transfers = [];
  }
}
