// The cut: a smaller model of the same architecture, made of the rows and columns that stay (algorithm §4).
import { LoraShearError } from '../errors.js';
import type { GroupKind, Partition } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import { architectureOf } from '../models/index.js';
import { layerConfig } from '../models/layer_config.js';
import type { Architecture, Model } from '../models/model.js';
import { type LayerSizes, type Resized, resizeConfig } from '../models/sizes.js';
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
 * @throws PARTITION_INVALID when a group would lose all its units, or a unit does not exist
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
  const resized = sizesAfter(architecture, model, partition, removed);
  const config = resizeConfig(model.config, architecture.sizes, resized);
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

/** Sizes of every layer after the cut. */
function sizesAfter(
  { sizes: keys }: Architecture,
  { config }: Model,
  { groups }: Partition,
  removed: Removed,
): Resized {
  const kept = (layer: number, kind: GroupKind): [whole: number, kept: number] | undefined => {
    const group = groups.find((g) => g.layer === layer && g.kind === kind);
    if (!group) return undefined; // a width of one is no class of the graph: it stays
    const left = group.units - new Set(removed.get(group.id) ?? []).size;
    if (left < 1) throw invalid(`no unit of ${group.id} would stay`);
    return [group.units, left];
  };
  const layers = Array.from({ length: Number(config[keys.layers]) }, (_, from) => {
    const sizes: { -readonly [K in keyof LayerSizes]?: number } = {};
    const heads = kept(from, 'attention_heads');
    if (heads) {
      const perKvHead = Number(layerConfig(config, from)[keys.heads]) / heads[0];
      sizes.heads = perKvHead * heads[1];
      sizes.kvHeads = heads[1];
    }
    const channels = kept(from, 'mlp_channels');
    if (channels) sizes.channels = channels[1];
    return { from, sizes, skip: [] };
  });
  const explicit = keys.headDim === undefined ? undefined : config[keys.headDim];
  const headDim =
    typeof explicit === 'number'
      ? explicit
      : Number(config[keys.width]) / Number(config[keys.heads]);
  return { layers, headDim };
}

const invalid = (what: string): LoraShearError =>
  new LoraShearError('PARTITION_INVALID', what, {
    hint: 'the units must be those of the partition of this model, and one of each group must stay',
  });
