// The indices of one unit in one parameter.
import type { Slice } from './group.js';

/** Indices along `slice.dim` that belong to unit `unit` of `units`, ascending. */
export function sliceIndices(
  { offset, outer, inner, only }: Pick<Slice, 'offset' | 'outer' | 'inner' | 'only'>,
  units: number,
  unit: number,
): number[] {
  if (only !== undefined) {
    return only === unit ? Array.from({ length: inner }, (_, j) => offset + j) : [];
  }
  const indices = new Array<number>(outer * inner);
  for (let o = 0, i = 0; o < outer; o++) {
    const start = offset + (o * units + unit) * inner;
    for (let j = 0; j < inner; j++) indices[i++] = start + j;
  }
  return indices;
}
