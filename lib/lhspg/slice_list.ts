// Slices of units as the per-group operators take them: lists of matrices, indices and group numbers.
import type { NodeGroup, Slice } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import type { SliceList } from '../tensor/kernels.js';
import { empty } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from '../train/adamw.js';
import type { ChosenSlice } from './units.js';

/**
 * One entry for each base tensor; LoRA slices enter as the factors beside it. Every unit of every node group
 * among the slices is one group of the operator, numbered in order of appearance; a slice that no chosen unit has an
 * index in is left out. New tensors belong to the
 * current scope; `made` are all of them. `scale` is the LoRA scale s, 1 without LoRA.
 */
export function sliceList(
  model: Model,
  slices: readonly ChosenSlice[],
  optimizer?: AdamW,
): { list: SliceList; groups: number; scale: number; made: readonly Tensor[] } {
  const parameters = new Map(model.parameters());
  const linears = model.linears();
  const numbers = new Map<string, number>();
  const made: Tensor[] = [];
  const fresh = (tensor: Tensor): Tensor => {
    made.push(tensor);
    return tensor;
  };
  const none = fresh(empty([0], 'float32', model.device));
  const x: Tensor[] = [];
  const loraB: Tensor[] = [];
  const loraA: Tensor[] = [];
  const moments: Tensor[] = [];
  const index: Tensor[] = [];
  const groupNumbers: Tensor[] = [];
  const axis: number[] = [];
  let scale = 1;
  for (const { group, slice, units, indices } of slices) {
    const numbered = units.map((u) => {
      const key = `${group.id}/${u}`;
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      return numbers.get(key) as number;
    });
    const tensor = parameters.get(slice.param);
    if (slice.lora !== null || !tensor || indices.length === 0) continue;
    const path = slice.param.replace(/\.weight$/, '');
    const linear = slice.param.endsWith('.weight') ? linears.get(path) : undefined;
    const lora = linear?.lora ?? null;
    if (lora) scale = lora.scale;
    // The operators know rows of W and B, columns of W and A: a weight stored (in, out) is seen from its other side.
    const dim = linear?.layout === 'in-out' ? 1 - slice.dim : slice.dim;
    const factor = dim === 0 ? 'lora_B' : 'lora_A';
    const own = lora ? optimizer?.moments(`${path}.${factor}.weight`) : undefined;
    x.push(linear?.layout === 'in-out' ? fresh(linear.matrix) : tensor);
    loraB.push(lora?.B ?? none);
    loraA.push(lora?.A ?? none);
    moments.push(own?.m ?? none, own?.v ?? none);
    index.push(fresh(longTensorOn(model.device, indices)));
    const numbersHere = numbersOf(group, slice, units, numbered);
    groupNumbers.push(fresh(longTensorOn(model.device, numbersHere)));
    axis.push(dim);
  }
  const list = { x, loraB, loraA, moments, index, group: groupNumbers, axis };
  return { list, groups: numbers.size, scale, made };
}

/** The number of each index's unit, unit after unit; a slice of one unit alone has indices of no other. */
function numbersOf(
  { units: count }: NodeGroup,
  slice: Slice,
  units: readonly number[],
  numbered: readonly number[],
): number[] {
  return units.flatMap((unit, i) =>
    sliceIndices(slice, count, unit).map(() => numbered[i] as number),
  );
}
