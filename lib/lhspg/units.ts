// Tensors and indices behind chosen units: what the half-space step moves and what must end exactly zero.
import type { NodeGroup, Partition, Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { indexFill_ } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
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

/** Sets the slices to exactly zero, and with a LoRA factor the moments that belong to it. */
export function zeroSlices(model: Model, slices: readonly ChosenSlice[], optimizer?: AdamW): void {
  const parameters = new Map(model.parameters());
  noGrad(() => {
    for (const { slice, indices } of slices) {
      if (indices.length === 0) continue;
      const tensor = parameters.get(slice.param);
      if (!tensor) continue; // a LoRA factor of a model that carries none now
      scoped(() => {
        const index = longTensorOn(tensor.device, indices);
        const touched: Tensor[] = [tensor];
        const moments = slice.lora === null ? undefined : optimizer?.moments(slice.param);
        if (moments) touched.push(moments.m, moments.v);
        for (const t of touched) indexFill_(t, slice.dim, index, 0);
      });
    }
  });
}
