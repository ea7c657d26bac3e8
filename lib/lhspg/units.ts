// Tensors and indices behind chosen units: what the half-space step moves and what must end exactly zero.
import type { NodeGroup, Partition, Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { indexFill_ } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from '../train/adamw.js';
import type { Units } from './select.js';

/** One slice of one group with the indices that its chosen units hold. */
export interface ChosenSlice {
  readonly group: NodeGroup;
  readonly slice: Slice;
  readonly units: readonly number[];
  /** Indices along `slice.dim`, unit after unit. */
  readonly indices: readonly number[];
}

/** Every slice of every chosen unit. */
export function chosenSlices(partition: Partition, chosen: Units): ChosenSlice[] {
  return partition.groups.flatMap((group) => slicesOf(group, chosen.get(group.id) ?? []));
}

/** Every slice of every unit of one group. */
export function allSlices(group: NodeGroup): ChosenSlice[] {
  return slicesOf(
    group,
    Array.from({ length: group.units }, (_, u) => u),
  );
}

function slicesOf(group: NodeGroup, units: readonly number[]): ChosenSlice[] {
  if (units.length === 0) return [];
  return group.slices.map((slice) => {
    const indices = units.flatMap((u) => sliceIndices(slice, group.units, u));
    return { group, slice, units, indices };
  });
}

/**
 * The slices whose shrinking shrinks a unit's output in proportion: its carriers, else what reads it. Where nothing but
 * a sum reads it (whole layers and their halves), all of it walks, and what it says shrinks faster than in proportion.
 */
export function walkersOf(slices: readonly ChosenSlice[]): ChosenSlice[] {
  const having = (test: (slice: Slice) => boolean): Set<NodeGroup> =>
    new Set(slices.filter(({ slice }) => test(slice)).map(({ group }) => group));
  const carried = having(({ carrier }) => carrier);
  const read = having(({ role }) => role === 'consumer');
  return slices.filter(({ group, slice }) => {
    if (carried.has(group)) return slice.carrier;
    return !read.has(group) || slice.role === 'consumer';
  });
}

/** Slices of LoRA factors but those that a half-space step on `walkers` sets to zero with them. */
export function factorsBeside(
  slices: readonly ChosenSlice[],
  walkers: readonly ChosenSlice[],
): ChosenSlice[] {
  const key = ({ group, slice: { param, role } }: ChosenSlice): string =>
    `${group.id} ${role} ${param.replace(/lora_[AB]\.weight$/, 'weight')}`;
  const reset = new Set(walkers.map(key));
  return slices.filter((chosen) => chosen.slice.lora !== null && !reset.has(key(chosen)));
}

/** Slices that are set to exactly zero again and again, whose indices go to the device once. */
export class Zeroing {
  readonly #places: readonly (readonly [tensor: Tensor, dim: number, index: Tensor])[];
  readonly #indices: readonly Tensor[];

  /** With a LoRA factor go the moments that belong to it. */
  constructor(model: Model, slices: readonly ChosenSlice[], optimizer?: AdamW) {
    const parameters = new Map(model.parameters());
    const indices: Tensor[] = [];
    this.#places = slices.flatMap(({ slice: { param, dim, lora }, indices: own }) => {
      const tensor = parameters.get(param);
      // A LoRA factor of a model that carries none now, or a slice of units that were not chosen.
      if (!tensor || own.length === 0) return [];
      const index = keep(longTensorOn(tensor.device, own));
      indices.push(index);
      const moments = lora === null ? undefined : optimizer?.moments(param);
      const touched = moments ? [tensor, moments.m, moments.v] : [tensor];
      return touched.map((t) => [t, dim, index] as const);
    });
    this.#indices = indices;
  }

  apply(): void {
    noGrad(() => {
      for (const [tensor, dim, index] of this.#places) {
        scoped(() => void indexFill_(tensor, dim, index, 0));
      }
    });
  }

  dispose(): void {
    for (const index of this.#indices) index.dispose();
  }
}

/** Sets the slices to exactly zero, and with a LoRA factor the moments that belong to it. */
export function zeroSlices(model: Model, slices: readonly ChosenSlice[], optimizer?: AdamW): void {
  const zeroing = new Zeroing(model, slices, optimizer);
  try {
    zeroing.apply();
  } finally {
    zeroing.dispose();
  }
}
