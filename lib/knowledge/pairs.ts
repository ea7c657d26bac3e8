// Whether two groups stand in for each other: what both lose together against what each loses alone (algorithm.md §8, W12).
import type { NodeGroup } from '../groups/group.js';
import type { PartHooks } from '../nn/pass.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DensePass, Deviation } from './dense_pass.js';
import { type Hidden, hide } from './trial.js';

/** Units that are taken out of a group. */
export interface Removal {
  readonly group: NodeGroup;
  readonly units: readonly number[];
}

/** The deviation without all of these units. The model is as it was when this returns or throws. */
export function deviationWithout(dense: DensePass, removals: readonly Removal[]): Deviation {
  const { model, tokens, states } = dense;
  const hidden: Hidden[] = [];
  try {
    for (const { group, units } of removals) hidden.push(hide(model, group, units));
    const hooks = joined(hidden.map((each) => each.hooks));
    const from = Math.min(...removals.map(({ group }) => group.layer ?? 0));
    return scoped(() => {
      let x = states[from] as Tensor;
      if (from === 0 && hooks.written) x = hooks.written(x);
      for (let i = from; i < model.blocks.length; i++) x = model.layer(i, x, tokens, { hooks });
      return dense.deviation(x);
    });
  } finally {
    for (const each of hidden.reverse()) each.restore();
  }
}

function joined(all: readonly PartHooks[]): PartHooks {
  const written = all.flatMap((hooks) => hooks.written ?? []);
  return {
    given: (part) => (all.some((hooks) => hooks.given?.(part) === null) ? null : undefined),
    ...(written.length > 0
      ? { written: (y: Tensor) => written.reduce((sum, each) => each(sum), y) }
      : {}),
  };
}
