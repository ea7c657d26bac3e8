// The cut: a smaller model of the same architecture, made of the rows and columns that stay (algorithm §4).
import { LoraShearError } from '../errors.js';
import type { Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { Architecture, Model, RawConfig } from '../models/model.js';
import { resizeConfig } from '../models/sizes.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, indexSelect, scale, shift, to } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';
import { foldedBiases } from './constants.js';
import { type Losses, type Removed, invalidCut, lossesOf } from './losses.js';
import { renumbered } from './renumber.js';
import { type Rescaling, rescalings } from './rescale.js';
import { sizesAfter } from './sizes_after.js';

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
  const losses = lossesOf(partition, removed);
  const factors = rescalings(partition, removed);
  const source = new Map(model.parameters());
  const architecture = architectureOf(model.config);
  const resized = sizesAfter(architecture, model.config, partition, removed, losses);
  const config = resizeConfig(model.config, architecture.sizes, resized);
  const sourceName = renumbered(resized.layers, partition, removed);
  adjustEmbeddings(architecture, [model.config, config], factors, partition);
  const folded = foldConstants
    ? foldedBiases(model, partition, removed)
    : new Map<string, Tensor>();
  for (const [name, bias] of folded) source.set(name, bias);
  const made: Tensor[] = [];
  const take = (name: string, expected: readonly number[]): Tensor => {
    const from = sourceName(name);
    const tensor = cutTensor(source, from, losses.of.get(from), factors.get(from));
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
  try {
    const compact = architecture.build(config, take);
    const linears = model.linears();
    for (const [path, linear] of compact.linears()) {
      const { lora } = linears.get(
        sourceName(`${path}.weight`).slice(0, -'.weight'.length),
      ) as Linear;
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

/** Gemma multiplies embeddings by √width: they make up for it, and the last norm for the head that is tied to them. */
function adjustEmbeddings(
  { embeddingScale }: Architecture,
  [before, after]: readonly [RawConfig, RawConfig],
  factors: Map<string, Rescaling>,
  { groups, norms = [] }: Partition,
): void {
  if (!embeddingScale) return;
  const ratio = embeddingScale(before) / embeddingScale(after);
  if (ratio === 1) return;
  const vocabulary = groups.find(({ kind }) => kind === 'vocabulary');
  const [embedding, head] = vocabulary?.slices ?? [];
  if (!embedding) return;
  factors.set(embedding.param, { factor: ratio, offset: 0 });
  const last = norms.at(-1);
  if (head || last?.weight === undefined) return;
  const own = factors.get(last.weight)?.factor ?? 1;
  factors.set(last.weight, { factor: own / ratio, offset: last.offset });
}

/** The parameter without what it loses, copied; throws when the model has no such parameter. */
function cutTensor(
  source: ReadonlyMap<string, Tensor>,
  name: string,
  losses: Losses | undefined,
  rescaling: Rescaling | undefined,
): Tensor {
  const whole = source.get(name);
  if (!whole) throw invalidCut(`the model has no parameter '${name}'`);
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
        if (rescaling) tensor = rescaled(tensor, rescaling);
        return tensor === whole ? clone(whole) : tensor;
      }),
    ),
  );
}

function rescaled(w: Tensor, { factor, offset }: Rescaling): Tensor {
  const scaled = scale(w, factor);
  return offset === 0 ? scaled : shift(scaled, offset * (factor - 1));
}
