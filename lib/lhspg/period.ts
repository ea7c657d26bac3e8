// One pruning period: what is chosen, how it walks to zero, and what takes its knowledge over (paper Alg. 4).
import {
  disposeStatistics,
  inputStatistics,
  type InputStatistics,
} from '../calibration/input_statistics.js';
import type { Context } from '../context.js';
import type { NodeGroup, Partition } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { gradientsFor, scoreGroups } from '../saliency/mix.js';
import { inputPaths } from '../saliency/readers.js';
import { type Scores, consumersOf } from '../saliency/saliency.js';
import { type SaliencySpec, momentsOf } from '../saliency/spec.js';
import type { DType } from '../tensor/dtype.js';
import { scoped } from '../tensor/scope.js';
import type { AdamW } from '../train/adamw.js';
import type { TokenBatch } from '../train/language_model_loss.js';
import { HalfSpace, type Shrinking } from './half_space.js';
import type { PullRule } from './pull.js';
import { type Units, selectRedundant } from './select.js';
import {
  type Transfer,
  disposeTransfer,
  fitInputs,
  isRounded,
  transferOf,
  transferShare,
} from './transfer.js';
import {
  type ChosenSlice,
  Zeroing,
  chosenSlices,
  factorsBeside,
  walkersOf,
  zeroSlices,
} from './units.js';

export interface Choice {
  readonly chosen: Units;
  readonly scores: Scores;
  readonly transfers: Transfer[];
}

export interface ChoiceInput {
  readonly model: Model;
  readonly partition: Partition;
  /** Units to choose from each group. */
  readonly quotas: ReadonlyMap<string, number>;
  /** Units that are zero already and still in the model. */
  readonly removed: ReadonlyMap<string, ReadonlySet<number>>;
  readonly calibration: readonly TokenBatch[];
  readonly saliency: SaliencySpec;
  /** Scores that were averaged over earlier steps; null: those of now. */
  readonly averaged: Scores | null;
  readonly seed: number;
  /** Fit how those that stay tell what the chosen ones told. */
  readonly transfer: boolean;
}

/** Scores, chooses, and fits the transfers; changes nothing. Units are places in `model`. */
export function chooseUnits(ctx: Context, input: ChoiceInput): Choice {
  const { model, partition, quotas, removed, calibration, saliency, seed } = input;
  ctx.checkpoint();
  const open = partition.groups.filter(({ id }) => (quotas.get(id) ?? 0) > 0);
  // What no block reads (the head, routers, the vocabulary) keeps no inputs, and gets no transfer.
  const read = open.filter(({ kind }) => kind !== 'vocabulary');
  const moments = input.transfer ? 'products' : momentsOf(saliency);
  const paths = moments ? inputPaths(model, read) : [];
  const statistics = inputStatistics(ctx, model, paths, calibration, moments);
  try {
    const gradients = gradientsFor(saliency, ctx, model, open, calibration);
    const given = { model, groups: open, statistics, removed, limits: quotas, seed, ...gradients };
    const scores = input.averaged ?? scoreGroups(given, saliency);
    const chosen = selectRedundant(scores, quotas, removed, open);
    const transfers = input.transfer ? fit(model, open, chosen, removed, statistics) : [];
    return { chosen, scores, transfers };
  } finally {
    disposeStatistics(statistics);
  }
}

function fit(
  model: Model,
  groups: readonly NodeGroup[],
  chosen: Units,
  removed: ReadonlyMap<string, ReadonlySet<number>>,
  statistics: ReadonlyMap<string, InputStatistics>,
): Transfer[] {
  const linears = model.linears();
  return groups.flatMap((group) =>
    consumersOf(group).flatMap(({ slice, path }) => {
      const features = (units: Iterable<number>): number[] =>
        [...units].flatMap((u) => sliceIndices(slice, group.units, u));
      const redundant = features(chosen.get(group.id) ?? []);
      const moments = statistics.get(path);
      const linear = linears.get(path);
      if (redundant.length === 0 || !moments || !linear) return [];
      const gone = new Set(features(removed.get(group.id) ?? []));
      return scoped(() => transferOf(path, linear, fitInputs(moments, redundant, gone)));
    }),
  );
}

export interface WalkOptions {
  readonly form: 'paper' | 'transfer';
  readonly epsilon: number;
  readonly pull: PullRule;
}

/** A half type has 8 or 11 digits: its weights walk to zero in so many strides, as smaller ones would be rounded away. */
export const strides = 32;

/** What the chosen units (places) do from step to step. Owns the transfers. */
export class Walk {
  readonly #slices: readonly ChosenSlice[];
  readonly #walking: HalfSpace;
  /** LoRA factors of the chosen units that the half-space step does not reach. */
  readonly #still: Zeroing;
  readonly #linears: ReadonlyMap<string, Linear>;
  readonly #strides: number;

  constructor(
    readonly model: Model,
    partition: Partition,
    readonly optimizer: AdamW,
    readonly options: WalkOptions,
    chosen: Units,
    readonly transfers: readonly Transfer[],
  ) {
    const slices = chosenSlices(partition, chosen);
    const paper = options.form === 'paper';
    const producers = slices.filter(({ slice }) => slice.role === 'producer');
    const walkers = paper ? producers : walkersOf(slices);
    this.#slices = slices;
    this.#walking = new HalfSpace(model, walkers, optimizer);
    this.#strides = !paper && isRounded(weightType(model)) ? strides : Infinity;
    // Their moments are left to the end of the period: until then each step's zeros undo what they did. Between strides
    // nothing else holds the walkers' factors still.
    const held = this.#strides === Infinity ? walkers : [];
    this.#still = new Zeroing(model, paper ? [] : factorsBeside(slices, held));
    this.#linears = model.linears();
  }

  /**
   * The half-space step on what walks to zero. In the transfer form nothing else that belongs to a chosen unit learns:
   * its output shrinks in proportion, and what its consumers are told of it is known from the start.
   */
  step(remaining: number, steps: number, report: boolean): Shrinking | null {
    const { form, epsilon, pull } = this.options;
    const paper = form === 'paper';
    const all = Math.min(steps, this.#strides);
    const after = (t: number): number => Math.floor((t * all) / steps);
    const made = after(steps - remaining);
    const walks = after(steps - remaining + 1) > made;
    const found = walks
      ? this.#walking.step({
          ...{ remaining: all - made, epsilon, report: report || all < steps },
          ...(paper ? { loraStep: true, pull } : { loraStep: false }),
        })
      : null;
    if (!paper) this.#still.apply();
    if (!paper && walks) this.move(1 / all);
    return found;
  }

  /** This share of what the chosen units told their consumers is told by those that stay from now on. */
  move(share: number): void {
    for (const transfer of this.transfers) {
      const linear = this.#linears.get(transfer.path);
      if (linear) transferShare(linear, transfer, share);
    }
  }

  /** What was chosen becomes exactly zero in all its slices. */
  zero(): void {
    zeroSlices(this.model, this.#slices, this.optimizer);
  }

  dispose(): void {
    this.#walking.dispose();
    this.#still.dispose();
    for (const transfer of this.transfers) disposeTransfer(transfer);
  }
}

/** The type of the base weights: LoRA's factors have another. */
function weightType(model: Model): DType {
  const [linear] = model.linears().values();
  return linear?.weight.dtype ?? 'float32';
}
