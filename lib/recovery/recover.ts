// Dynamic knowledge recovery (paper Alg. 5): rounds of LoRA training on subsets composed by what suffered.
import type { RecoveryArtefact } from '../artefacts.js';
import type { Context } from '../context.js';
import { asLoraShearError } from '../errors.js';
import type { StageName } from '../events.js';
import { attachLora, detachLora, loraParameters, mergeLora } from '../lora/lora.js';
import type { Model } from '../models/model.js';
import type { PassOptions } from '../nn/pass.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, copy_ } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { AdamW } from '../train/adamw.js';
import { loadState, saveState } from '../train/checkpoint.js';
import {
  type TokenBatch,
  distillationLoss,
  nextTokenLoss,
  predictions,
} from '../train/language_model_loss.js';
import { cosineWithWarmup } from '../train/schedule.js';
import { type Memory, trainOnBatch } from '../train/train_batch.js';
import type { Feed } from './feed.js';
import { degradation, mixture } from './mixture.js';

export interface RecoveryOptions {
  readonly stage: RecoveryArtefact['stage'];
  readonly rounds: number;
  /** Optimiser steps in all rounds together. */
  readonly steps: number;
  readonly warmupSteps: number;
  readonly learningRate: number;
  readonly lora: { readonly r: number; readonly alpha: number };
  /** Balanced share η of the mixture. */
  readonly eta: number;
  /** Stop when no source's degradation moved by more than this in two rounds. */
  readonly tolerance: number;
  /** Share of the loss that follows the dense model's distribution; 0 trains on the text alone. */
  readonly distill: number;
  readonly memory: Memory;
  readonly seed: number;
  readonly saveEvery: number;
}

export interface RecoveryInput {
  readonly model: Model;
  /** The dense model, for distillation. */
  readonly teacher: Model | null;
  readonly feed: Feed;
  /** The dense model's validation losses by source. */
  readonly dense: Readonly<Record<string, number>>;
  readonly stateDir: string;
}

interface RecoveryState {
  round: number;
  t: number;
  step: number;
  tokens: number;
  feed: unknown;
  rounds: RecoveryArtefact['rounds'];
  losses: RecoveryArtefact['losses'];
  /** −1: the state before any training is the best so far. */
  bestRound: number;
  bestLoss: number;
  stopReason: string;
}

function freshState(): RecoveryState {
  return {
    ...{ round: 0, t: 0, step: 0, tokens: 0, rounds: [], losses: [], stopReason: '' },
    ...{ feed: null, bestRound: -1, bestLoss: Infinity },
  };
}

/**
 * Trains LoRA on `model` and merges the best state into it. Goes on from `stateDir` where a run stopped.
 * @throws RUN_ABORTED after saving the state, PRUNE_DIVERGED when the loss is not finite
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
    if (!this.#resume()) this.#begin();
    const state = this.#state;
    try {
      while (state.stopReason === '') {
        this.ctx.checkpoint();
        if (state.t < this.#stepsOf(state.round)) this.#step();
        if (state.t >= this.#stepsOf(state.round)) {
          this.#closeRound();
          this.#save();
        } else if (state.step % this.options.saveEvery === 0) this.#save();
      }
    } catch (thrown) {
      if (asLoraShearError(thrown).code === 'RUN_ABORTED') this.#save();
      throw thrown;
    }
    for (const [name, p] of this.#parameters) assign(p, this.#best.get(name) as Tensor);
    const { stage, learningRate, seed } = this.options;
    const { tokens, stopReason, bestRound, rounds: history, losses } = state;
    return { stage, learningRate, seed, tokens, stopReason, bestRound, rounds: history, losses };
  }

  #resume(): boolean {
    const saved = loadState<RecoveryState>(this.input.stateDir);
    if (!saved) return false;
    try {
      for (const [name, tensor] of this.#tensors()) saved.restore(name, tensor);
    } finally {
      saved.close();
    }
    this.#state = saved.json;
    this.input.feed.restore(this.#state.feed);
    return true;
  }

  #begin(): void {
    const losses = this.input.feed.validate(this.input.model);
    this.#state.bestLoss = average(losses);
    this.#openRound(losses);
  }

  /** Composes the subset of the round that begins, from the degradation measured now. */
  #openRound(losses: Readonly<Record<string, number>>): void {
    const { feed, dense } = this.input;
    const delta = degradation(losses, dense);
    const shares = mixture(delta, this.options.eta);
    feed.setMixture(shares);
    const index = this.#state.round;
    this.#state.feed = feed.state();
    this.#state.rounds.push({
      ...{ index, mixture: shares, degradation: delta, steps: 0, tokens: 0 },
      validation: { ...losses },
      accepted: false,
    });
  }

  #step(): void {
    const { model, teacher, feed } = this.input;
    const { learningRate, steps, warmupSteps, distill, memory } = this.options;
    const state = this.#state;
    const batch = feed.next();
    const lr = learningRate * cosineWithWarmup(state.step, { total: steps, warmup: warmupSteps });
    const lossOf = (rows: TokenBatch, pass: PassOptions): Tensor => {
      if (!teacher || distill === 0 || rows.labels) return nextTokenLoss(model, rows, pass);
      const target = noGrad(() => predictions(teacher, rows));
      return distillationLoss(model, rows, target, distill, pass);
    };
    const how = { learningRate: lr, clip: 1, ...memory };
    const loss = trainOnBatch(model, batch, lossOf, this.optimizer, how);
    state.t++;
    state.step++;
    state.tokens += batch.ids.length;
    state.feed = feed.state();
    const round = state.rounds.at(-1);
    if (round) {
      round.steps++;
      round.tokens += batch.ids.length;
    }
    const phase = `round ${state.round + 1}`;
    state.losses.push({ step: state.step, loss, phase });
    const stage = this.#stageName;
    const progress = { done: state.step, total: steps, unit: 'step', loss, note: phase };
    this.ctx.emit({ type: 'progress', stage, ...progress });
    this.ctx.emit({ type: 'metric', stage, step: state.step, values: { loss, lr, phase } });
  }

  /** Measures again; keeps the state if it is the best, and decides whether to go on. */
  #closeRound(): void {
    const { feed, model, dense } = this.input;
    const state = this.#state;
    const losses = feed.validate(model);
    const round = state.rounds.at(-1);
    const loss = average(losses);
    const better = loss < state.bestLoss;
    if (better) {
      state.bestLoss = loss;
      state.bestRound = state.round;
      for (const [name, p] of this.#parameters) assign(this.#best.get(name) as Tensor, p);
    }
    if (round) {
      round.validation = losses;
      round.accepted = better;
    }
    const before = state.rounds.slice(-2).map((r) => r.degradation);
    const now = degradation(losses, dense);
    const still = [...before, now]
      .slice(1)
      .every((delta, i) => largestMove(before[i] ?? {}, delta) < this.options.tolerance);
    if (state.rounds.length >= 2 && still) state.stopReason = 'converged';
    else if (state.round - state.bestRound >= 2) state.stopReason = 'validation worsened';
    state.round++;
    state.t = 0;
    if (state.stopReason !== '') return;
    if (state.round < this.options.rounds) this.#openRound(losses);
    else state.stopReason = 'all rounds done';
  }

  /** Steps of a round: all steps shared evenly, the remainder early. */
  #stepsOf(round: number): number {
    const { steps, rounds } = this.options;
    if (round >= rounds) return 0;
    return Math.floor(steps / rounds) + (round < steps % rounds ? 1 : 0);
  }

  *#tensors(): Generator<[string, Tensor]> {
    yield* this.#parameters;
    yield* this.optimizer.state();
    for (const [name, best] of this.#best) yield [`best.${name}`, best];
  }

  #save(): void {
    saveState(this.input.stateDir, this.#tensors(), this.#state);
    this.ctx.emit({
      type: 'saved',
      path: this.input.stateDir,
      what: `${this.options.stage} state`,
    });
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

const largestMove = (
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): number =>
  Math.max(...Object.entries(now).map(([name, delta]) => Math.abs(delta - (before[name] ?? NaN))));
