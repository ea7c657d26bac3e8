// The inverse of the cut: a model of the full size in which what was removed is zero (algorithm §4).
import { LoraShearError } from '../errors.js';
import { type GroupKind, type Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { Model, RawConfig } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, indexCopy, scale, shift, zeros } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Losses, type Removed, invalidCut, lossOf, lossesOf } from './losses.js';
import { renumbered } from './renumber.js';
import { type Rescaling, rescalings } from './rescale.js';
import { sizesAfter } from './sizes_after.js';

/** Kinds whose cut changes what stays in ways that zeros do not undo. */
const oneWay: ReadonlySet<GroupKind> = new Set(['residual', 'vocabulary']);

/**
 * The model of `fullConfig` that {@link compress} would make `compact` of: its parameters where they came from, and zeros
 * in the slices of the removed units, in skipped halves and in removed layers. It owns its memory and keeps LoRA factors;
 * linears that `compact` lacks have none.
 *
 * The numbers are `compact`'s bit for bit, except where the cut rescaled a norm over what was removed: those are divided
 * by its factor again, which rounds. Removed experts have zero rows in the router, so that they must be closed
 * (`closeExperts`) before the two compute the same.
 * @param partition of the model of `fullConfig`, with the same LoRA as `compact`
 * @throws PARTITION_INVALID when partition, removed units and models do not belong together, or the width or the
 * vocabulary was cut
 */
export function expand(
  compact: Model,
  fullConfig: RawConfig,
  partition: Partition,
  removed: Removed,
): Model {
  const cut = partition.groups.find((g) => oneWay.has(g.kind) && lossOf(g, removed) > 0);
  if (cut) throw invalidCut(`a cut of ${cut.id} cannot be filled with zeros`);
  const losses = lossesOf(partition, removed);
  const factors = rescalings(partition, removed);
  const architecture = architectureOf(fullConfig);
  const { layers } = sizesAfter(architecture, fullConfig, partition, removed, losses);
  const fullName = renumbered(layers, partition, removed);
  const source = new Map(Array.from(compact.parameters(), ([name, p]) => [fullName(name), p]));
  const [first] = source.values();
  if (!first) throw invalidCut('the compact model has no parameters');
  const used = new Set<string>();
  const made: Tensor[] = [];
  const take = (name: string, shape: readonly number[]): Tensor => {
    const small = source.get(name);
    if (!small && !losses.whole.has(name)) {
      throw invalidCut(`the compact model has no parameter for '${name}'`);
    }
    used.add(name);
    const tensor = small
      ? spread(name, small, shape, losses.of.get(name), factors.get(name))
      : keep(zeros(shape, first.dtype, first.device));
    made.push(tensor);
    return tensor;
  };
  try {
    const full = architecture.build(fullConfig, take);
    attachFactors(compact, full, fullName, take);
    const unused = [...source.keys()].find((name) => !used.has(name));
    if (unused !== undefined) throw invalidCut(`the full model has no place for '${unused}'`);
    return full;
  } catch (thrown) {
    for (const tensor of made) tensor.dispose();
    throw thrown;
  }
}

/** Gives `full` the LoRA factors of `compact`, in their places. */
function attachFactors(
  compact: Model,
  full: Model,
  fullName: (name: string) => string,
  take: (name: string, shape: readonly number[]) => Tensor,
): void {
  const linears = full.linears();
  for (const [path, { lora }] of compact.linears()) {
    if (!lora) continue;
    const place = fullName(`${path}.weight`).slice(0, -'.weight'.length);
    const linear = linears.get(place) as Linear;
    const rank = lora.A.extent(0);
    const A = take(`${place}.lora_A.weight`, [rank, linear.inFeatures]);
    const B = take(`${place}.lora_B.weight`, [linear.outFeatures, rank]);
    A.requiresGrad = lora.A.requiresGrad;
    B.requiresGrad = lora.B.requiresGrad;
    linear.lora = { A, B, scale: lora.scale };
  }
}

/** `small` at the indices of `shape` that stayed; zeros elsewhere. */
function spread(
  name: string,
  small: Tensor,
  shape: readonly number[],
  losses: Losses | undefined,
  rescaling: Rescaling | undefined,
): Tensor {
  const kept = shape.map((extent, dim) => {
    const gone = losses?.get(dim);
    if (!gone || gone.size === 0) return null;
    return Array.from({ length: extent }, (_, i) => i).filter((i) => !gone.has(i));
  });
  const expected = shape.map((extent, dim) => kept[dim]?.length ?? extent);
  if (expected.join() !== small.shape.join()) {
    throw new LoraShearError(
      'PARTITION_INVALID',
      `'${name}' is [${small.shape.join(', ')}] in the compact model, what stays of it is [${expected.join(', ')}]`,
      {
        hint: 'the partition and the removed units do not belong to this model',
        facts: { name },
      },
    );
  }
  return noGrad(() =>
    keep(
      scoped(() => {
        let tensor = rescaling ? undone(small, rescaling) : small;
        kept.forEach((indices, dim) => {
          if (!indices) return;
          const larger = tensor.shape.map((extent, d) => (d === dim ? (shape[d] ?? 0) : extent));
          const index = longTensorOn(tensor.device, indices);
          tensor = indexCopy(zeros(larger, tensor.dtype, tensor.device), dim, index, tensor);
        });
        return tensor === small ? clone(small) : tensor;
      }),
    ),
  );
}

/** The inverse of w ← factor·(w + offset) − offset. */
function undone(w: Tensor, { factor, offset }: Rescaling): Tensor {
  const scaled = scale(w, 1 / factor);
  return offset === 0 ? scaled : shift(scaled, offset * (1 / factor - 1));
}
