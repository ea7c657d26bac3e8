// What the streamed proof reads: the dense folder with the removed units zero, and the cut folder without its rounding.
import type { StoredTensors } from '../checkpoint/stored_tensors.js';
import { LoraShearError } from '../errors.js';
import type { Partition } from '../groups/group.js';
import { indexFill_, to, zeros } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import { type Removed, lossesOf } from './losses.js';
import { type CutRecipe, keptOf } from './recipe.js';
import { rescaled } from './rescale.js';
import type { ReadTensor } from './streamed_model.js';

/** Tensors of the dense folder with every slice of the removed units zero; experts are closed instead. */
export function maskedTensors(
  dense: StoredTensors,
  partition: Partition,
  removed: Removed,
  device: string,
): ReadTensor {
  const experts = partition.groups.filter(({ kind }) => kind === 'experts').map(({ id }) => id);
  const zeroed = new Map([...removed].filter(([id]) => !experts.includes(id)));
  const { of, whole } = lossesOf(partition, zeroed);
  return (name, rows) => {
    const slice = dense.slice(name, rows ? new Map([[0, rows]]) : undefined);
    if (whole.has(name)) return zeros(slice.shape, 'float32', device);
    const tensor = to(dense.read(slice), device, 'float32');
    for (const [dim, gone] of of.get(name) ?? []) {
      // Rows of the vocabulary that are asked for are never those that go.
      if (gone.size === 0 || (rows && dim === 0)) continue;
      indexFill_(tensor, dim, longTensorOn(device, [...gone]), 0);
    }
    return tensor;
  };
}

/**
 * Tensors of the cut folder; where the cut rescaled one and rounded it to a half type, the unrounded one by the recipe.
 * @throws CUT_NOT_EQUAL where the folder does not hold its rounding
 */
export function recipeTensors(
  cut: StoredTensors,
  dense: StoredTensors,
  recipe: CutRecipe,
  device: string,
): ReadTensor {
  return (name, rows) => {
    const slice = cut.slice(name, rows ? new Map([[0, rows]]) : undefined);
    const stored = cut.read(slice);
    const dtype = cut.dtype(slice);
    const { source, losses, rescaling } = recipe.of(name);
    if (!rescaling || (dtype !== 'bfloat16' && dtype !== 'float16')) {
      return to(stored, device, 'float32');
    }
    const kept = keptOf(dense.slice(source).shape, losses);
    if (rows) {
      const first = kept.get(0);
      kept.set(0, first ? rows.map((row) => first[row] as number) : rows);
    }
    const exact = rescaled(to(dense.read(dense.slice(source, kept)), 'cpu', 'float32'), rescaling);
    const rounded = scoped(() => Buffer.from(to(exact, 'cpu', dtype).toBytes()));
    if (!rounded.equals(Buffer.from(stored.toBytes()))) throw notRounded(cut.dir, name);
    return to(exact, device, 'float32');
  };
}

function notRounded(dir: string, name: string): LoraShearError {
  const layer = /(?:^|\.)(\d+)\./.exec(name)?.[1];
  return new LoraShearError('CUT_NOT_EQUAL', `${dir}: '${name}' is not the dense one, rescaled`, {
    hint: 'the folder was changed or damaged: cut again',
    facts: { name, ...(layer === undefined ? {} : { layer: Number(layer) }) },
  });
}
