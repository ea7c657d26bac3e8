// LHSPG: progressive structured pruning with LoRA (paper Alg. 4; algorithm.md §3.9, and §9 for the transfer).
import { join } from 'node:path';
import type { Context } from '../context.js';
import type { SamplerState } from '../data/sampler.js';
import { LoraShearError, asLoraShearError } from '../errors.js';
import { attachLora, detachLora, loraParameters, mergeLora } from '../lora/lora.js';
import type { Model } from '../models/model.js';
import { AdamW } from '../train/adamw.js';
import { diverged, hasDiverged, refuseSecondRollback, rollbackOf } from '../train/divergence.js';
import { nextTokenLoss } from '../train/language_model_loss.js';
import { schedules } from '../train/schedule.js';
import { trainOnBatch } from '../train/train_batch.js';
import { gather, gathered, isAveraged, samplesAt } from './averaging.js';
import { type Choice, Walk, chooseUnits } from './period.js';
import type { LhspgInput, LhspgOptions, LhspgResult } from './options.js';
import { quotasOf } from './quota.js';
import { keptUnits, recordChoice, recordShrinking, recordStep } from './record.js';
import { RunningModel } from './running_model.js';
import { loadRun, saveRun } from './saved_run.js';
import { type LhspgState, type Segment, freshState, phaseOf, segmentsOf } from './state.js';

/**
 * Prunes: what becomes exactly zero leaves the model at the end of its period, and the LoRA of what stays is merged.
 * Goes on from `stateDir` where a run stopped.
 * @throws RUN_ABORTED after saving the state, PRUNE_DIVERGED when training goes wrong twice, CUT_NOT_EQUAL
 */
export function lhspg(ctx: Context, input: LhspgInput, options: LhspgOptions): LhspgResult {
  const loop = new LhspgLoop(ctx, input, options);
  try {
    return loop.run();
  } finally {
    loop.dispose();
  }
}

const gone = (removed: LhspgState['removed']): Map<string, number[]> =>
  new Map(Object.entries(removed));

class LhspgLoop {
  readonly #segments: readonly Segment[];
  readonly #quotas: ReadonlyMap<string, number[]>;
  #state: LhspgState;
  #running: RunningModel | null = null;
  #optimizer: AdamW | null = null;
  #walk: Walk | null = null;

  /** Where the sampler starts. */
  readonly #fresh: SamplerState;
  /** Does not stop: between two states of the model. */
  readonly #steady: Context;

  constructor(
    readonly ctx: Context,
    readonly input: LhspgInput,
    readonly options: LhspgOptions,
  ) {
    this.#steady = { ...ctx, checkpoint: () => undefined };
    this.#fresh = input.sampler.state();
    this.#segments = segmentsOf(options);
    const { totals, guarded, partition } = input;
    this.#quotas = quotasOf(totals, options.periods, guarded, partition.groups);
    this.#state = freshState(this.#fresh);
  }

  run(): LhspgResult {
    if (!this.#restore(this.input.stateDir)) this.#start();
    for (;;) {
      const segment = this.#segments[this.#state.segment];
      if (!segment) break;
      try {
        this.ctx.checkpoint();
        this.#advance(segment);
      } catch (thrown) {
        const { code } = asLoraShearError(thrown);
        if (code === 'PRUNE_DIVERGED') this.#rollBack(asLoraShearError(thrown));
        else {
          // checkpoint() throws only between changes of the model, so the state is whole
          if (code === 'RUN_ABORTED') this.#save(this.input.stateDir);
          throw thrown;
        }
      }
    }
    return this.#finish();
  }

  /** The next step, with what begins or ends a segment beside it. */
  #advance(segment: Segment): void {
    if (segment.kind === 'period' && !this.#state.chosen) this.#beginPeriod(segment);
    if (this.#state.t < segment.steps) {
      this.#step(segment);
      const { saveEvery } = this.options;
      if (this.#state.step % saveEvery === 0) this.#save(this.input.stateDir);
    }
    if (this.#state.t < segment.steps) return;
    this.options.graphs?.drop(); // of the model as it was in this segment
    if (segment.kind === 'period') this.#endPeriod(segment);
    this.#state.segment++;
    this.#state.t = 0;
    this.#save(this.#good);
    this.#save(this.input.stateDir);
  }

  get #model(): Model {
    return this.#owned.model;
  }

  get #owned(): RunningModel {
    if (!this.#running) throw new LoraShearError('INTERNAL', 'no model runs');
    return this.#running;
  }

  /** Folder of the state at the end of the last segment. */
  get #good(): string {
    return join(this.input.stateDir, 'good');
  }

  #attach(model: Model): AdamW {
    attachLora(model, { ...this.options.lora, seed: this.options.seed });
    return new AdamW(loraParameters(model));
  }

  #start(): void {
    const model = this.input.open();
    this.#running = new RunningModel(model, this.input.partition);
    this.#optimizer = this.#attach(model);
  }

  #beginPeriod({ index, steps }: Segment): void {
    const { calibration } = this.input;
    const { saliency, seed, form } = this.options;
    const running = this.#owned;
    const quotas = new Map([...this.#quotas].map(([id, list]) => [id, list[index] ?? 0]));
    const removed = new Map(
      [...running.places(Object.entries(this.#state.removed))].map(([id, u]) => [id, new Set(u)]),
    );
    const choice = chooseUnits(this.ctx, {
      ...{ model: running.model, partition: running.partition, quotas, removed, calibration },
      ...{ saliency, seed: seed + index, transfer: form === 'transfer' },
      averaged: gathered(this.#state, running),
    });
    this.#state.average = null;
    // After the scores: LoRA forms read what the steps before taught B.
    if (form === 'transfer' || index > 0) {
      mergeLora(running.model);
      this.#optimizer?.reset();
    }
    recordChoice(this.#state, running, choice, { index, steps });
    this.#openWalk(choice);
  }

  #openWalk({ chosen, transfers }: Pick<Choice, 'chosen' | 'transfers'>): void {
    const { model, partition } = this.#owned;
    const optimizer = this.#optimizer as AdamW;
    this.#walk = new Walk(model, partition, optimizer, this.options, chosen, transfers);
    this.#closeExperts();
  }

  /** Experts do not shrink: no token goes to those that are chosen, or gone. */
  #closeExperts(): void {
    const { removed, chosen } = this.#state;
    const ids = new Set([...Object.keys(removed), ...Object.keys(chosen ?? {})]);
    this.#owned.close(
      [...ids].map((id) => [id, [...(removed[id] ?? []), ...(chosen?.[id] ?? [])]] as const),
    );
  }

  #step({ index, steps, kind }: Segment): void {
    const { sampler } = this.input;
    const { batch: rows, learningRate, warmupSteps, schedule, steps: total } = this.options;
    const { clip, memory, graphs } = this.options;
    const state = this.#state;
    const model = this.#model;
    const share = schedules[schedule](state.step, { total, warmup: warmupSteps });
    const halved = state.rollbacks.at(-1)?.rate ?? 1;
    const loss = trainOnBatch(
      model,
      sampler.next(rows),
      (part, pass) => nextTokenLoss(model, part, pass),
      this.#optimizer as AdamW,
      { learningRate: learningRate * share * halved, clip, graphs, ...memory },
    );
    if (kind === 'period') {
      const remaining = steps - state.t;
      const report = recordShrinking(state.t, steps);
      const found = this.#walk?.step(remaining, steps, report) ?? null;
      if (found) state.periods[index]?.walk.push({ step: state.step + 1, ...found });
    }
    state.t++;
    state.step++;
    const { saliency, seed } = this.options;
    if (isAveraged(saliency) && samplesAt(state.t, steps)) {
      gather(state, this.#owned, saliency, seed);
    }
    state.sampler = sampler.state();
    const phase = phaseOf({ index, steps, kind });
    recordStep(this.ctx, state, { loss, phase, total });
    if (hasDiverged(state.losses, model.vocabulary))
      throw diverged(`training loss rose to ${loss.toFixed(2)}`);
  }

  /** What was chosen is exactly zero everywhere and leaves. What stays keeps what it learned, merged once it was scored. */
  #endPeriod({ index, steps }: Segment): void {
    if (steps === 0) this.#walk?.move(1);
    this.#walk?.zero();
    this.#closeWalk();
    const { removed, chosen, periods, losses } = this.#state;
    for (const [id, units] of Object.entries(chosen ?? {})) {
      removed[id] = [...(removed[id] ?? []), ...units].sort((a, b) => a - b);
    }
    const running = this.#owned;
    const equality = running.shrink(this.#steady, gone(removed), this.input.probe);
    this.#optimizer?.dispose();
    this.#optimizer = new AdamW(loraParameters(running.model));
    const period = periods[index];
    if (period) {
      period.lossAfter = losses.at(-1)?.loss ?? null;
      period.zeroUnits = Object.values(removed).reduce((n, units) => n + units.length, 0);
      period.equality = equality;
      period.parameters = running.partition.parameters;
    }
    this.#state.chosen = null;
  }

  #finish(): LhspgResult {
    const { periods, losses, removed, rollbacks } = this.#state;
    const running = this.#owned;
    mergeLora(running.model);
    detachLora(running.model);
    running.shrink(this.#steady, gone(removed), this.input.probe, true);
    const kept = keptUnits(this.input.partition, this.input.totals, this.#state);
    this.#running = null;
    return { model: running.model, periods, losses, kept, rollbacks };
  }

  /** Back to the end of the last segment, then on at half the rate; the second time there is no way on. */
  #rollBack(cause: LoraShearError): void {
    const { rollbacks, step } = this.#state;
    refuseSecondRollback(rollbacks, cause);
    this.dispose();
    if (!this.#restore(this.#good)) {
      this.input.sampler.restore(this.#fresh);
      this.#state = freshState(this.#fresh);
      this.#start();
    }
    const { rollback, warning } = rollbackOf(step, this.#state.step, cause);
    this.#state.rollbacks.push(rollback);
    this.ctx.emit({ type: 'warning', message: warning });
    this.#save(this.input.stateDir);
  }

  #save(dir: string): void {
    const { model, shrinkage } = this.#owned;
    const optimizer = this.#optimizer as AdamW;
    const transfers = [...(this.#walk?.transfers ?? [])];
    saveRun(dir, { model, optimizer, shrinkage, transfers }, this.#state);
    if (dir !== this.input.stateDir) return;
    this.ctx.emit({ type: 'saved', path: dir, what: 'LHSPG state' });
  }

  #restore(dir: string): boolean {
    const { open, partition, sampler } = this.input;
    const attach = (model: Model): AdamW => this.#attach(model);
    const saved = loadRun(dir, { device: this.ctx.device, open, attach });
    if (!saved) return false;
    const { model, optimizer, shrinkage, transfers } = saved.running;
    this.#running = new RunningModel(model, partition, shrinkage);
    this.#optimizer = optimizer;
    this.#state = saved.state;
    sampler.restore(this.#state.sampler);
    this.#closeExperts();
    const { chosen } = this.#state;
    if (chosen) this.#openWalk({ chosen: this.#running.places(Object.entries(chosen)), transfers });
    return true;
  }

  #closeWalk(): void {
    this.#walk?.dispose();
    this.#walk = null;
  }

  dispose(): void {
    this.options.graphs?.drop();
    this.#closeWalk();
    this.#optimizer?.dispose();
    this.#optimizer = null;
    this.#running?.dispose();
    this.#running = null;
  }
}
