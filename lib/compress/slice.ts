// The cut: a smaller model of the same architecture, made of the rows and columns that stay (algorithm §4).
import { LoraShearError } from '../errors.js';
import type { GroupKind, Partition } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { architectureOf } from '../models/index.js';
import type { CutWidths, Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, indexSelect, to } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';

/** Units to remove, by group id; a group without an entry keeps all. */
export type Removed = ReadonlyMap<string, readonly number[]>;

/** Indices that go, by dimension, for one parameter. */
type Losses = Map<number, Set<number>>;

/**
 * The model without the removed units. It owns its memory, keeps its LoRA factors (sliced alike, same scale), and
 * equals the input once the removed units are zero there. Tied embeddings stay tied.
 * @throws PARTITION_INVALID when layers would lose different numbers of units, or a unit does not exist
 */
export function compress(model: Model, partition: Partition, removed: Removed): Model {
  const losses = lossesOf(partition, removed);
  const source = new Map(model.parameters());
  const made: Tensor[] = [];
  const take = (name: string, expected: readonly number[]): Tensor => {
    const tensor = cutTensor(source, name, losses.get(name));
    made.push(tensor);
    if (tensor.shape.join() !== expected.join()) {
      throw new LoraShearError(
        'PARTITION_INVALID',
        `'${name}' is [${tensor.shape.join(', ')}] after the cut, the smaller model needs [${expected.join(', ')}]`,
        { hint: 'the partition does not belong to this model', facts: { name } },
      );
    }
    return tensor;
  };
  const architecture = architectureOf(model.config);
  const config = architecture.resize(model.config, widthsAfter(partition, removed));
  try {
    const compact = architecture.build(config, take);
    const linears = model.linears();
    for (const [path, linear] of compact.linears()) {
      const { lora } = linears.get(path) as Linear;
      if (!lora) continue;
      const rank = lora.A.extent(0);
      const A = take(`${path}.lora_A.weight`, [rank, linear.inFeatures]);
      const B = take(`${path}.lora_B.weight`, [linear.outFeatures, rank]);
      A.requiresGrad = lora.A.requiresGrad;
      B.requiresGrad = lora.B.requiresGrad;
      linear.lora = { A, B, scale: lora.scale };
    }
    return compact;
  } catch (thrown) {
    for (const tensor of made) tensor.dispose();
    throw thrown;
  }
}

/** Which indices every parameter loses, dimension by dimension: several groups may share one. */
function lossesOf(partition: Partition, removed: Removed): Map<string, Losses> {
  const groups = new Map(partition.groups.map((group) => [group.id, group]));
  const losses = new Map<string, Losses>();
  for (const [id, units] of removed) {
    const group = groups.get(id);
    if (!group) throw invalid(`there is no group '${id}'`);
    const odd = units.find((u) => !Number.isInteger(u) || u < 0 || u >= group.units);
    if (odd !== undefined) throw invalid(`${id} has ${group.units} units, there is no unit ${odd}`);
    if (units.length > 0 && !group.prunable) throw invalid(`${id} may not be cut`);
    for (const slice of group.slices) {
      const dims = losses.get(slice.param) ?? new Map<number, Set<number>>();
      losses.set(slice.param, dims);
      const gone = dims.get(slice.dim) ?? new Set<number>();
      dims.set(slice.dim, gone);
      for (const unit of units) {
        for (const index of sliceIndices(slice, group.units, unit)) gone.add(index);
      }
    }
  }
  return losses;
}

/** The parameter without what it loses, copied; throws when the model has no such parameter. */
function cutTensor(
  source: ReadonlyMap<string, Tensor>,
  name: string,
  losses: Losses | undefined,
): Tensor {
  const whole = source.get(name);
  if (!whole) throw invalid(`the model has no parameter '${name}'`);
  return noGrad(() =>
    keep(
      scoped(() => {
        let tensor = whole;
        for (const [dim, gone] of losses ?? []) {
          if (gone.size === 0) continue;
          const kept = Array.from({ length: whole.extent(dim) }, (_, i) => i).filter(
            (i) => !gone.has(i),
          );
          const index = to(longTensor(kept, [kept.length]), whole.device, 'int64');
          tensor = indexSelect(tensor, dim, index);
        }
        return tensor === whole ? clone(whole) : tensor;
      }),
    ),
  );
}

/** Widths of every layer after the cut. */
function widthsAfter({ groups }: Partition, removed: Removed): CutWidths {
  const left = (kind: GroupKind): number => {
    const members = groups.filter((group) => group.kind === kind);
    const counts = members.map(({ id, units }) => units - new Set(removed.get(id) ?? []).size);
    const [first] = counts;
    // The graph has no class for a dimension of one: such a width is 1, and stays.
    if (first === undefined) return 1;
    const odd = counts.findIndex((count) => count !== first);
    if (odd >= 0) {
      throw invalid(
        `${members[odd]?.id ?? ''} keeps ${counts[odd] ?? 0} units, ${members[0]?.id ?? ''} keeps ${first}`,
      );
    }
    if (first < 1) throw invalid(`no unit of ${members[0]?.id ?? ''} would stay`);
    return first;
  };
  return { kvHeads: left('attention_heads'), channels: left('mlp_channels') };
}

const invalid = (what: string): LoraShearError =>
  new LoraShearError('PARTITION_INVALID', what, {
    hint: 'every layer must lose the same number of units of each kind, and keep one at least',
  });
