// How many base-model parameters go with one unit.
import type { Slice } from './group.js';

type CostSlice = Pick<Slice, 'param' | 'dim' | 'outer' | 'inner' | 'lora' | 'only'>;

/**
 * Base-model parameters (LoRA not counted) that the first unit holds. A parameter cut in several dimensions loses
 * its rows and columns once where they cross.
 * @param slices each with the whole shape of its parameter
 */
export function unitCost(
  units: number,
  slices: readonly { readonly slice: CostSlice; readonly shape: readonly number[] }[],
): number {
  const kept = new Map<string, { readonly shape: readonly number[]; readonly left: number[] }>();
  for (const { slice, shape } of slices) {
    if (slice.lora !== null || units === 0 || (slice.only ?? 0) !== 0) continue;
    let entry = kept.get(slice.param);
    if (!entry) kept.set(slice.param, (entry = { shape, left: [...shape] }));
    entry.left[slice.dim] = (entry.left[slice.dim] ?? 0) - slice.outer * slice.inner;
  }
  const product = (extents: readonly number[]): number => extents.reduce((p, e) => p * e, 1);
  let cost = 0;
  for (const { shape, left } of kept.values()) cost += product(shape) - product(left);
  return cost;
}
