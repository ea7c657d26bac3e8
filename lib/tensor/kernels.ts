// Our own operators over groups of slices, declared like any other (design §3.8; algorithm.md §3.5, §3.9).
import { op } from './op.js';
import type { Tensor } from './tensor.js';

/** Matrices and the slices of them that take part, entry by entry. Absent factors are tensors of no elements. */
export interface SliceList {
  /** W (m, n) or a bias (m) */
  readonly x: readonly Tensor[];
  /** B (m, r) */
  readonly loraB: readonly Tensor[];
  /** A (r, n) */
  readonly loraA: readonly Tensor[];
  /** Two for each matrix: the optimiser's moments of B (axis 0) or A (axis 1). Empty list: none. */
  readonly moments: readonly Tensor[];
  /** int64: rows (axis 0) or columns (axis 1) */
  readonly index: readonly Tensor[];
  /** int64: the group of each of these, from 0 */
  readonly group: readonly Tensor[];
  readonly axis: readonly number[];
}

const groupStatisticsOp = op(
  'lorashear::group_statistics(Tensor[] x, Tensor[] lora_b, Tensor[] lora_a, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups) -> Tensor',
);

/**
 * ‖x_g‖², ⟨x_g, u_g⟩ and ‖u_g‖² of every group, with u = scale·B·A: float32 (groups, 3), in one pass and without
 * ever holding B·A of a matrix (the LoRA forms of algorithm.md §3.5).
 */
export function groupStatistics(
  { x, loraB, loraA, index, group, axis }: SliceList,
  { scale, groups }: { scale: number; groups: number },
): Tensor {
  return groupStatisticsOp(x, loraB, loraA, index, group, axis, scale, groups);
}

const halfSpaceProjectionOp = op(
  'lorashear::half_space_projection(Tensor(a!)[] x, Tensor(b!)[] lora_b, Tensor(c!)[] lora_a, Tensor(d!)[] moments, Tensor[] index, Tensor[] group, int[] axis, float scale, int groups, int remaining, Tensor? pull=None, float epsilon=0.0) -> Tensor',
);

export interface HalfSpaceArguments {
  /** LoRA scale s in u = s·B·A; 0 leaves u out. */
  readonly scale: number;
  readonly groups: number;
  /** Steps left in the period, this one included. */
  readonly remaining: number;
  /** Least pull λ of each group (groups), float32. */
  readonly pull?: Tensor;
  /** ε of the half-space test, in [0, 1). */
  readonly epsilon?: number;
}

/**
 * For every group over all its slices (paper eq. 2; algorithm.md §3.9): x̃ = x + u − λ·x/‖x‖ with
 * λ = max(‖x‖ / remaining, pull); x becomes exactly 0 where ⟨x̃, x⟩ < ε‖x‖² or no step is left, else x̃. The slices'
 * rows of B (columns of A on axis 1) and their moments become exactly 0. In place.
 * @returns float32 (groups, 2): ‖x_g‖ before the step, and 1 where the group is zero now
 */
export function halfSpaceProjection(
  { x, loraB, loraA, moments, index, group, axis }: SliceList,
  { scale, groups, remaining, pull, epsilon = 0 }: HalfSpaceArguments,
): Tensor {
  const lists = [x, loraB, loraA, moments, index, group, axis] as const;
  return halfSpaceProjectionOp(...lists, scale, groups, remaining, pull ?? null, epsilon);
}
