// What an LHSPG run is given, what it is told to do, and what it gives back.
import type { LhspgArtefact } from '../artefacts.js';
import type { Sampler } from '../data/sampler.js';
import type { Partition } from '../groups/group.js';
import type { Model } from '../models/model.js';
import type { SaliencySpec } from '../saliency/spec.js';
import type { TokenBatch } from '../train/language_model_loss.js';
import type { ScheduleName } from '../train/schedule.js';
import type { Memory } from '../train/memory.js';
import type { StepGraphs } from '../train/step_graph.js';
import type { PullRule } from './pull.js';
import type { SegmentOptions } from './state.js';

export interface LhspgOptions {
  /** `paper`: the producers walk to zero with their LoRA step; `transfer`: the carriers shrink linearly while
   *  their consumers take over in closed form. With `steps` 0 either is one cut at once. */
  readonly form: 'paper' | 'transfer';
  readonly saliency: SaliencySpec;
  readonly periods: number;
  readonly rounds?: SegmentOptions['rounds'];
  readonly restShare?: SegmentOptions['restShare'];
  /** Training steps in all, warm-up included. */
  readonly steps: number;
  readonly warmupSteps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** Largest L2 norm of all gradients together. */
  readonly clip: number;
  readonly epsilon: number;
  readonly pull: PullRule;
  readonly memory: Memory;
  /** Records the steps of a period; the run drops its recordings. */
  readonly graphs?: StepGraphs | null;
  readonly lora: { readonly r: number; readonly alpha: number };
  readonly seed: number;
  /** Steps between two saved states. */
  readonly saveEvery: number;
}

export interface LhspgInput {
  /** Opens the dense model; the run owns what it opens. */
  readonly open: () => Model;
  /** Of the dense model, with its LoRA. */
  readonly partition: Partition;
  /** Units to remove in all, by group. */
  readonly totals: ReadonlyMap<string, number>;
  /** Groups that are touched last. */
  readonly guarded: ReadonlySet<string>;
  readonly sampler: Sampler;
  readonly calibration: readonly TokenBatch[];
  /** Text on which every cut is proved; it should be none of the calibration's. */
  readonly probe: TokenBatch;
  /** Folder of the resumable state. */
  readonly stateDir: string;
}

export type LhspgResult = Pick<LhspgArtefact, 'periods' | 'losses' | 'kept' | 'rollbacks'> & {
  /** The cut model without LoRA. The caller disposes it. */
  readonly model: Model;
};
