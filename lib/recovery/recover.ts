// Dynamic knowledge recovery (paper Alg. 5): rounds of LoRA training on subsets composed by what suffered.
import { join } from 'node:path';
import type { RecoveryArtefact } from '../artefacts.js';
import type { Context } from '../context.js';
import { type LoraShearError, asLoraShearError } from '../errors.js';
import type { StageName } from '../events.js';
import { attachLora, detachLora, loraParameters, mergeLora } from '../lora/lora.js';
import type { PassOptions } from '../nn/pass.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, copy_ } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { AdamW } from '../train/adamw.js';
import { loadState, saveState } from '../train/checkpoint.js';
import { diverged, hasDiverged, refuseSecondRollback, rollbackOf } from '../train/divergence.js';
import { lossUnderTeacher } from '../train/distillation_loss.js';
import { type TokenBatch, nextTokenLoss } from '../train/language_model_loss.js';
import { cosineWithWarmup } from '../train/schedule.js';
import { trainOnBatch } from '../train/train_batch.js';
import { composeRound } from './compose_round.js';
import { degradation } from './mixtures/mixture.js';
import type { RecoveryInput, RecoveryOptions } from './options.js';
import { type RecoveryState, type Round, freshState, stepsOf } from './state.js';
import { stopReason } from './stop_rules.js';

export type { RecoveryInput, RecoveryOptions } from './options.js';

/**
 * Trains LoRA on `model` and merges the best state into it. Goes on from `stateDir` where a run stopped. A loss that is no
 * number, or rises too far, brings it back to the start of the round and halves the rate, once.
 * @throws RUN_ABORTED after saving the state, PRUNE_DIVERGED when that happens again
 */
export function recover(
  ctx: Context,
  input: RecoveryInput,
  options: RecoveryOptions,
): RecoveryArtefact {
  const { model } = input;
  attachLora(model, { ...options.lora, seed: options.seed });
  const optimizer = new AdamW(loraParameters(model));
  const loop = new RecoveryLoop(ctx, input, options, optimizer);
  try {
    const artefact = loop.run();
    mergeLora(model);
    return artefact;
  } finally {
    loop.dispose();
    optimizer.dispose();
    detachLora(model);
  }
}

class RecoveryLoop {
  readonly #stageName: StageName;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #best: ReadonlyMap<string, Tensor>;
  #state: RecoveryState = freshState();
  /** When this process began to count, less what was counted before it. */
  #since = performance.now();

  constructor(
    readonly ctx: Context,
    readonly input: RecoveryInput,
    readonly options: RecoveryOptions,
    readonly optimizer: AdamW,
  ) {
    this.#stageName = `recover-${options.stage}`;
    this.#parameters = loraParameters(input.model);
    this.#best = new Map([...this.#parameters].map(([name, p]) => [name, copyOf(p)]));
  }

  run(): RecoveryArtefact {
    if (!this.#restore(this.input.stateDir)) this.#begin();
    while (this.#state.stopReason === '') {
      try {
        this.ctx.checkpoint();
        this.#advance();
      } catch (thrown) {
        const error = asLoraShearError(thrown);
        if (error.code === 'PRUNE_DIVERGED') this.#rollBack(error);
        else {
          if (error.code === 'RUN_ABORTED') this.#save();
          throw thrown;
        }
      }
    }
    for (const [name, p] of this.#parameters) assign(p, this.#best.get(name) as Tensor);
    return this.#artefact();
  }

  #artefact(): RecoveryArtefact {
    const { stage, learningRate, seed, maxSeconds, mixture = 'degradation' } = this.options;
    const { tokens, stopReason, bestRound, rounds, losses, rollbacks } = this.#state;
    return {
      stage,
      ...(this.input.feed.sources.length > 1 ? { composition: mixture } : {}),
      ...{ learningRate, seed, tokens, stopReason, bestRound, rounds, losses },
      ...(rollbacks.length > 0 ? { rollbacks } : {}),
      ...(typeof maxSeconds === 'number' ? { seconds: this.#seconds } : {}),
    };
  }

  /** The next step, and the end of the round where it was the last. */
  #advance(): void {
    const state = this.#state;
    const { saveEvery, maxSeconds } = this.options;
    const steps = stepsOf(state.round, this.options);
    if (state.t < steps) this.#step();
    const late = this.#seconds >= (maxSeconds ?? Infinity);
    if (state.t >= steps || late) {
      this.#closeRound(late);
      this.#save();
    } else if (state.step % saveEvery === 0) this.#save();
  }

  get #seconds(): number {
    return (performance.now() - this.#since) / 1000;
  }

  #restore(dir: string): boolean {
    const saved = loadState<RecoveryState>(dir);
    if (!saved) return false;
    try {
      for (const [name, tensor] of this.#tensors()) saved.restore(name, tensor);
    } finally {
      saved.close();
    }
    this.#state = { ...freshState(), ...saved.json };
    this.#since = performance.now() - 1000 * this.#state.seconds;
    this.input.feed.restore(this.#state.feed);
    return true;
  }

  #begin(): void {
    const losses = this.input.feed.validate(this.input.model);
    this.#state.bestLoss = average(losses);
    this.#openRound(losses);
  }

  /** Folder of the state at the start of this round. */
  get #good(): string {
    return join(this.input.stateDir, 'good');
  }

  /** Composes the subset of the round that begins, from the losses measured now. */
  #openRound(losses: Readonly<Record<string, number>>): void {
    const { feed, dense } = this.input;
    const state = this.#state;
    const { round, warning } = composeRound(state, { losses, dense, feed }, this.options);
    feed.beginRound(round.mixture);
    state.feed = feed.state();
    state.computed = 0;
    state.rounds.push(round);
    if (warning !== null) this.#warn(`${this.#stageName}, ${warning}`);
    saveState(this.#good, this.#tensors(), state);
  }

  #warn(message: string): void {
    this.ctx.emit({ type: 'warning', message });
  }

  #step(): void {
    const { model, teacher, feed } = this.input;
    const { learningRate, steps, warmupSteps, distill, memory } = this.options;
    const state = this.#state;
    const batch = feed.next();
    const halved = state.rollbacks.at(-1)?.rate ?? 1;
    const share = cosineWithWarmup(state.step, { total: steps, warmup: warmupSteps });
    const lr = learningRate * share * halved;
    const lossOf = (rows: TokenBatch, pass: PassOptions): Tensor => {
      if (!teacher || distill === 0 || rows.labels) return nextTokenLoss(model, rows, pass);
      return lossUnderTeacher(model, rows, teacher, distill, pass);
    };
    const how = { learningRate: lr, clip: 1, ...memory };
    const loss = trainOnBatch(model, batch, lossOf, this.optimizer, how);
    state.t++;
    state.step++;
    state.tokens += batch.useful;
    state.computed += batch.ids.length;
    state.feed = feed.state();
    const round = this.#round;
    round.steps++;
    round.tokens += batch.useful;
    round.useful = round.tokens / state.computed;
    const phase = `round ${state.round + 1}`;
    state.losses.push({ step: state.step, loss, phase });
    const stage = this.#stageName;
    const progress = { done: state.step, total: steps, unit: 'step', loss, note: phase };
    this.ctx.emit({ type: 'progress', stage, ...progress });
    this.ctx.emit({ type: 'metric', stage, step: state.step, values: { loss, lr, phase } });
    if (hasDiverged(state.losses, model.vocabulary))
      throw diverged(`training loss rose to ${loss}`);
  }

  get #round(): Round {
    return this.#state.rounds.at(-1) as Round;
  }

  /** Measures again; keeps the state if it is the best, and decides whether to go on. */
  #closeRound(late: boolean): void {
    const { feed, model, dense } = this.input;
    const { rounds, tolerance, patience = 2 } = this.options;
    const state = this.#state;
    const losses = feed.validate(model);
    const loss = average(losses);
    if (!Number.isFinite(loss)) throw diverged(`validation loss became ${loss}`);
    const better = loss < state.bestLoss;
    if (better) {
      state.bestLoss = loss;
      state.bestRound = state.round;
      for (const [name, p] of this.#parameters) assign(this.#best.get(name) as Tensor, p);
    }
    this.#round.validation = losses;
    this.#round.accepted = better;
    const reason = stopReason(state, degradation(losses, dense), { tolerance, patience });
    state.stopReason = late ? 'time is up' : reason;
    state.round++;
    state.t = 0;
    if (state.stopReason !== '') return;
    if (state.round < rounds) this.#openRound(losses);
    else state.stopReason = 'all rounds done';
  }

  /** Back to the start of the round, then on at half the rate; the second time there is no way on. */
  #rollBack(cause: LoraShearError): void {
    const { rollbacks, step } = this.#state;
    refuseSecondRollback(rollbacks, cause);
    const since = this.#since;
    if (!this.#restore(this.#good)) throw cause;
    this.#since = since; // what was in vain took its time, too
    const { rollback, warning } = rollbackOf(step, this.#state.step, cause);
    this.#state.rollbacks.push(rollback);
    this.#warn(warning);
    this.#save();
  }

  *#tensors(): Generator<[string, Tensor]> {
    yield* this.#parameters;
    yield* this.optimizer.state();
    for (const [name, best] of this.#best) yield [`best.${name}`, best];
  }

  #save(): void {
    const { stage, maxSeconds } = this.options;
    if (typeof maxSeconds === 'number') this.#state.seconds = this.#seconds;
    saveState(this.input.stateDir, this.#tensors(), this.#state);
    this.ctx.emit({ type: 'saved', path: this.input.stateDir, what: `${stage} state` });
  }

  dispose(): void {
    for (const best of this.#best.values()) best.dispose();
  }
}

function copyOf(p: Tensor): Tensor {
  return noGrad(() => scoped(() => keep(clone(p))));
}

function assign(into: Tensor, from: Tensor): void {
  noGrad(() => {
    scoped(() => {
      copy_(into, from);
    });
  });
}

const average = (losses: Readonly<Record<string, number>>): number => {
  const values = Object.values(losses);
  return values.reduce((a, b) => a + b, 0) / values.length;
};
