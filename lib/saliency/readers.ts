// The linears through whose inputs a group is scored.
import type { InputStatistics } from '../calibration/input_statistics.js';
import { LoraShearError } from '../errors.js';
import type { NodeGroup, Slice } from '../groups/group.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { consumersOf } from './saliency.js';

/** A linear and which of its input features belong to which unit (`slice` has dim 1 of the weight as (out, in)). */
export interface Reader {
  readonly path: string;
  readonly linear: Linear;
  readonly slice: Slice;
}

/**
 * The linears of the blocks that read the group by columns: o_proj of heads, down_proj of channels; of the residual width all
 * that read the stream, without router and head. Where none does, because units are whole modules (experts, sublayers,
 * layers), every linear that lies in a unit, with all its columns.
 * @throws CONFIG_INVALID where there is neither (the vocabulary)
 */
export function readersOf(model: Model, group: NodeGroup): Reader[] {
  const linears = model.linears();
  const readers = consumersOf(group).flatMap(({ slice, path }): Reader[] => {
    const linear = linears.get(path);
    return linear ? [{ slice: { ...slice, dim: 1 }, path, linear }] : [];
  });
  if (readers.length > 0) return readers;
  const own = wholeLinears(linears, group);
  if (own.length > 0) return own;
  const message = `no linear of the blocks reads ${group.id} (${group.kind}), so that its inputs say nothing of it`;
  throw new LoraShearError('CONFIG_INVALID', message, {
    hint: 'score this kind by weights, LoRA or gradients: magnitude, taylor_first, dense_taylor_first',
    facts: { group: group.id, kind: group.kind },
  });
}

function wholeLinears(linears: ReadonlyMap<string, Linear>, group: NodeGroup): Reader[] {
  return group.slices.flatMap((slice): Reader[] => {
    const { param, offset, inner, extent, lora } = slice;
    const only = group.units === 1 ? 0 : slice.only;
    const path = param.replace(/\.weight$/, '');
    const linear = path === param ? undefined : linears.get(path);
    if (!linear || lora !== null || only === undefined || offset > 0 || inner < extent) return [];
    const features = linear.inFeatures;
    const columns = { dim: 1, extent: features, offset: 0, outer: 1, inner: features, only };
    return [{ path, linear, slice: { ...slice, ...columns } }];
  });
}

/** Paths whose inputs must be gathered before the groups can be scored by inputs. @throws as {@link readersOf} */
export function inputPaths(model: Model, groups: readonly NodeGroup[]): string[] {
  return [...new Set(groups.flatMap((g) => readersOf(model, g).map(({ path }) => path)))];
}

/** @throws CONFIG_INVALID where the inputs of `path` were not gathered */
export function inputsOf(
  statistics: ReadonlyMap<string, InputStatistics>,
  path: string,
): InputStatistics {
  const found = statistics.get(path);
  if (found) return found;
  throw new LoraShearError('CONFIG_INVALID', `the inputs of ${path} were not gathered`, {
    hint: 'gather them on calibration text first (inputPaths lists what is needed)',
    facts: { path },
  });
}
