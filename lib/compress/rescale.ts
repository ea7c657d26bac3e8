// Norms after a cut of what they average over: the factors that keep their outputs as they were (algorithm.md §1.5).
import type { Partition } from '../groups/group.js';
import { scale, shift } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Removed, lossOf } from './losses.js';

/** For each parameter: w ← factor·(w + offset) − offset. */
export interface Rescaling {
  readonly factor: number;
  readonly offset: number;
}

/**
 * A norm w·x/√(mean(x²) + ε) over n features, n' of which stay and the others of which are zero, with ε' = e·ε in
 * config.json: t·x on its inputs and α·w keep its output when t² = e·n'/n and α = √(n/n'). Over the residual width
 * e = n/n', so that only weights change; a norm that shares ε with those and loses nothing has its inputs scaled.
 */
export function rescalings(partition: Partition, removed: Removed): Map<string, Rescaling> {
  const groups = new Map(partition.groups.map((group) => [group.id, group]));
  const share = (id: string): number => {
    const group = groups.get(id);
    return group ? 1 - lossOf(group, removed) / group.units : 1;
  };
  const residual = partition.groups.find(({ kind, prunable }) => kind === 'residual' && prunable);
  const e = residual ? 1 / share(residual.id) : 1;
  const found = new Map<string, Rescaling>();
  const multiply = (name: string, factor: number, offset: number): void => {
    if (Math.abs(factor - 1) < 1e-12) return;
    found.set(name, { factor: factor * (found.get(name)?.factor ?? 1), offset });
  };
  const inputs = new Set<string>(); // norms of single heads may share what makes their inputs
  for (const { weight, offset, over, scalers } of partition.norms ?? []) {
    const kept = over.reduce((product, id) => product * share(id), 1);
    if (weight !== undefined) multiply(weight, 1 / Math.sqrt(kept), offset);
    for (const name of scalers) {
      if (!inputs.has(name)) multiply(name, Math.sqrt(e * kept), 0);
      inputs.add(name);
    }
  }
  return found;
}

/** w of any shape → factor·(w + offset) − offset, in the type of w. */
export function rescaled(w: Tensor, { factor, offset }: Rescaling): Tensor {
  const scaled = scale(w, factor);
  return offset === 0 ? scaled : shift(scaled, offset * (factor - 1));
}
