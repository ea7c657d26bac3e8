// What a saliency is: one score for each unit of each group; the least are redundant (algorithm.md §3.5).
import type { GroupGradients } from '../calibration/gradients.js';
import type { InputStatistics } from '../calibration/input_statistics.js';
import type { NodeGroup, Slice } from '../groups/group.js';
import type { Model } from '../models/model.js';

/** What a score may be computed from. */
export interface SaliencyInput {
  readonly model: Model;
  readonly groups: readonly NodeGroup[];
  /** Inputs of every consumer, by module path. */
  readonly statistics: ReadonlyMap<string, InputStatistics>;
  /** Gradients by group id, for the dense forms. */
  readonly gradients?: ReadonlyMap<string, GroupGradients>;
  /**
   * Which base slices of a unit count in the weight, LoRA and gradient forms: `producers`, what makes it, as in OTO,
   * or what reads it, too. Default `all`.
   */
  readonly slices?: 'all' | 'producers';
  /** Units already removed, by group id: they get score 0 and do not count. */
  readonly removed: ReadonlyMap<string, ReadonlySet<number>>;
  /** Most units that may be chosen from a group now; scores beyond need not be exact in order. */
  readonly limits?: ReadonlyMap<string, number>;
  readonly seed: number;
}

/** group id → one score ≥ 0 per unit; higher matters more. */
export type Scores = Map<string, Float64Array>;

export type Saliency = (input: SaliencyInput) => Scores;

/** Sums one value per index of a slice's dimension into one per unit. */
export function sumByUnit(
  { offset, outer, inner, only }: Slice,
  units: number,
  values: ArrayLike<number>,
): Float64Array {
  const sums = new Float64Array(units);
  if (only !== undefined) {
    for (let j = 0; j < inner; j++) sums[only] = (sums[only] ?? 0) + (values[offset + j] ?? 0);
    return sums;
  }
  let i = offset;
  for (let o = 0; o < outer; o++) {
    for (let u = 0; u < units; u++) {
      for (let j = 0; j < inner; j++) sums[u] = (sums[u] ?? 0) + (values[i++] ?? 0);
    }
  }
  return sums;
}

/** The base weights that read a group's units, with the path of their linear. */
export function consumersOf(group: NodeGroup): { slice: Slice; path: string }[] {
  return group.slices
    .filter(({ role, lora }) => role === 'consumer' && lora === null)
    .map((slice) => ({ slice, path: slice.param.replace(/\.weight$/, '') }));
}

/** Module paths of all consumers of these groups. */
export function consumerPaths(groups: readonly NodeGroup[]): string[] {
  return [...new Set(groups.flatMap((group) => consumersOf(group).map(({ path }) => path)))];
}
