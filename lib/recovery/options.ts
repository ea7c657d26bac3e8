// What a recovery is given, and how it is to go (paper Alg. 5).
import type { RecoveryArtefact } from '../artefacts.js';
import type { Model } from '../models/model.js';
import type { Memory } from '../train/memory.js';
import type { Feed } from './feed.js';
import type { MixtureName } from './mixtures/index.js';

export interface RecoveryOptions {
  readonly stage: RecoveryArtefact['stage'];
  readonly rounds: number;
  /** Optimiser steps in all rounds together. */
  readonly steps: number;
  readonly warmupSteps: number;
  readonly learningRate: number;
  readonly lora: { readonly r: number; readonly alpha: number };
  /** What composes each round. Default: `degradation`. */
  readonly mixture?: MixtureName;
  /** Balanced share η of the mixture. */
  readonly eta: number;
  /** Stop when no source's degradation moved by more than this in two rounds. */
  readonly tolerance: number;
  /** Rounds without a better state after which to stop. Default 2. */
  readonly patience?: number;
  /** Stop after so long, the round then measured as it is; null (the default): no limit. */
  readonly maxSeconds?: number | null;
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
