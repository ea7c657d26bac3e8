// The cut: a smaller model of the same architecture, made of the rows and columns that stay (algorithm §4).
import type { Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, indexSelect, to } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';
import { foldedBiases } from './constants.js';
import { type Removed, invalidCut } from './losses.js';
import { type TensorRecipe, checkShape, cutRecipe, keptIndices } from './recipe.js';
import { rescaled } from './rescale.js';

export type { Removed } from './losses.js';

export interface CompressOptions {
  /**
   * The removed units' weights are zero but not their biases (or their activation is not zero at zero): what they say
   * to every token goes into the biases of what reads them.
   */
  readonly foldConstants?: boolean;
}

/**
 * The model without the removed units. It owns its memory, keeps its LoRA factors (sliced alike, same scale), and
 * equals the input once the removed units are zero there. Tied embeddings stay tied. Layers may lose different numbers
 * of units (`per_layer_config`), halves, or all.
 * @throws PARTITION_INVALID when a group would lose all its units, or a unit does not exist
 */
export function compress(
  model: Model,
  partition: Partition,
  removed: Removed,
  { foldConstants = false }: CompressOptions = {},
): Model {
  const recipe = cutRecipe(model.config, partition, removed);
  const source = new Map(model.parameters());
  const folded = foldConstants
    ? foldedBiases(model, partition, removed)
    : new Map<string, Tensor>();
  for (const [name, bias] of folded) source.set(name, bias);
  const made: Tensor[] = [];
  const take = (name: string, expected: readonly number[]): Tensor => {
    const tensor = cutTensor(source, recipe.of(name));
    made.push(tensor);
    checkShape(name, tensor.shape, expected);
    return tensor;
  };
  try {
    const compact = architectureOf(model.config).build(recipe.config, take);
    const linears = model.linears();
    for (const [path, linear] of compact.linears()) {
      const from = recipe.of(`${path}.weight`).source.slice(0, -'.weight'.length);
      const { lora } = linears.get(from) as Linear;
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
  } finally {
    for (const tensor of folded.values()) tensor.dispose();
  }
}

/** The parameter without what it loses, copied; throws when the model has no such parameter. */
function cutTensor(source: ReadonlyMap<string, Tensor>, recipe: TensorRecipe): Tensor {
  const whole = source.get(recipe.source);
  if (!whole) throw invalidCut(`the model has no parameter '${recipe.source}'`);
  return noGrad(() =>
    keep(
      scoped(() => {
        let tensor = whole;
        for (const [dim, gone] of recipe.losses) {
          if (gone.size === 0) continue;
          const kept = keptIndices(whole.extent(dim), gone);
          const index = to(longTensor(kept, [kept.length]), whole.device, 'int64');
          tensor = indexSelect(tensor, dim, index);
        }
        if (recipe.rescaling) tensor = rescaled(tensor, recipe.rescaling);
        return tensor === whole ? clone(whole) : tensor;
      }),
    ),
  );
}
