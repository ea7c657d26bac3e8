// The recipe of a cut: for every tensor of the smaller model, which tensor it comes from, what that loses, and its factor.
import type { LoraShearError } from '../errors.js';
import type { Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { Architecture, RawConfig } from '../models/model.js';
import { type Resized, resizeConfig } from '../models/sizes.js';
import { type Losses, type Removed, invalidCut, lossesOf } from './losses.js';
import { renumbered } from './renumber.js';
import { type Rescaling, rescalings } from './rescale.js';
import { sizesAfter } from './sizes_after.js';

/** How one tensor of the cut model is made: of `source` without what it loses, then rescaled. */
export interface TensorRecipe {
  /** Name in the whole model. */
  readonly source: string;
  readonly losses: Losses;
  readonly rescaling: Rescaling | undefined;
}

/** One definition of a cut, for a model in memory and for a folder that is streamed. */
export interface CutRecipe {
  /** config.json of the cut model. */
  readonly config: RawConfig;
  /** Layers that stay, by their numbers in the whole model. */
  readonly layers: Resized['layers'];
  /** @param name in the cut model */
  readonly of: (name: string) => TensorRecipe;
}

const nothing: Losses = new Map();

/** @throws PARTITION_INVALID when a group would lose all its units, or a unit does not exist or may not be cut */
export function cutRecipe(config: RawConfig, partition: Partition, removed: Removed): CutRecipe {
  const losses = lossesOf(partition, removed);
  const factors = rescalings(partition, removed);
  const architecture = architectureOf(config);
  const resized = sizesAfter(architecture, config, partition, removed, losses);
  const after = resizeConfig(config, architecture.sizes, resized);
  const sourceName = renumbered(resized.layers, partition, removed);
  adjustEmbeddings(architecture, [config, after], factors, partition);
  return {
    config: after,
    layers: resized.layers,
    of(name) {
      const source = sourceName(name);
      return { source, losses: losses.of.get(source) ?? nothing, rescaling: factors.get(source) };
    },
  };
}

/** Indices of a dimension of `extent` that stay, ascending. */
export function keptIndices(extent: number, gone: ReadonlySet<number> | undefined): number[] {
  const all = Array.from({ length: extent }, (_, i) => i);
  return gone === undefined || gone.size === 0 ? all : all.filter((i) => !gone.has(i));
}

/** Indices of a tensor of this shape that stay, for each dimension that loses some. */
export function keptOf(shape: readonly number[], losses: Losses): Map<number, readonly number[]> {
  const lost = [...losses].filter(([, gone]) => gone.size > 0);
  return new Map(lost.map(([dim, gone]) => [dim, keptIndices(shape[dim] ?? 0, gone)]));
}

/** @throws PARTITION_INVALID where a tensor of the cut model does not have the shape that the model asks for */
export function checkShape(
  name: string,
  found: readonly number[],
  expected: readonly number[],
): void {
  if (found.join() === expected.join()) return;
  throw misfit(name, found, expected);
}

const misfit = (
  name: string,
  found: readonly number[],
  expected: readonly number[],
): LoraShearError =>
  invalidCut(
    `'${name}' is [${found.join(', ')}] after the cut, the smaller model needs [${expected.join(', ')}]: the partition does not belong to this model`,
  );

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
