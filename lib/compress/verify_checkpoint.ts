// Masked ≡ compact from two folders, layer by layer: no more than one layer of each is in memory (design §1, 21).
import { readConfig } from '../checkpoint/load.js';
import { StoredTensors } from '../checkpoint/stored_tensors.js';
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Partition } from '../groups/group.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { indexSelect, sub } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { closeExperts } from './experts.js';
import type { Removed } from './losses.js';
import { maskedTensors, recipeTensors } from './read_for_proof.js';
import { type CutRecipe, cutRecipe, keptIndices } from './recipe.js';
import { inLayer } from './renumber.js';
import { StreamedModel } from './streamed_model.js';
import { type Equality, maxima, relativeTolerance } from './verify.js';

/** How far the hidden states are apart behind a layer of the dense model; layer −1: before the first. */
export interface LayerEquality {
  readonly layer: number;
  readonly maxAbsDifference: number;
  /** Largest |x| of the dense model's. */
  readonly scale: number;
}

export interface CheckpointEquality extends Equality {
  readonly layers: readonly LayerEquality[];
}

/** Bytes of the rows of the head that are computed at a time. */
const headBytes = 32 * 2 ** 20;

/**
 * Compares what the folder `dense` with the removed units masked (their weights zero, their experts closed) and the
 * folder `cut` compute for `tokens` (B, T), in float32 whatever they are stored in. Tensors that the cut rescales and a
 * half type rounds must be that rounding to the bit, and are compared unrounded. Tokens that the cut model no longer
 * has are replaced; the logits of those that stay are compared.
 * @throws CUT_NOT_EQUAL beyond 1e-4 of the logits' scale: at which layer the hidden states part is in facts.layer
 */
export function verifyCheckpoint(
  ctx: Context,
  dense: string,
  cut: string,
  partition: Partition,
  removed: Removed,
  tokens: Tensor,
): CheckpointEquality {
  const config = readConfig(dense);
  const recipe = cutRecipe(config, partition, removed);
  using whole = new StoredTensors(dense);
  using small = new StoredTensors(cut);
  const masked = new StreamedModel(
    config,
    (name) => whole.slice(name).shape,
    maskedTensors(whole, partition, removed, ctx.device),
  );
  const compact = new StreamedModel(
    readConfig(cut),
    (name) => small.slice(name).shape,
    recipeTensors(small, whole, recipe, ctx.device),
  );
  const pair: Pair = { masked, compact, ...unitsThatStay(masked, partition, removed) };
  return noGrad(() => scoped(() => compare(ctx, pair, recipe, { partition, removed }, tokens)));
}

interface Pair {
  readonly masked: StreamedModel;
  readonly compact: StreamedModel;
  /** Rows of the vocabulary, and features of the residual width (undefined: all), that the cut model has. */
  readonly rows: readonly number[];
  readonly features: readonly number[] | undefined;
}

function unitsThatStay(
  masked: StreamedModel,
  { groups }: Partition,
  removed: Removed,
): Pick<Pair, 'rows' | 'features'> {
  const lost = (kind: string): { units: number; gone: Set<number> } | undefined => {
    const group = groups.find((g) => g.kind === kind && (removed.get(g.id) ?? []).length > 0);
    return group && { units: group.units, gone: new Set(removed.get(group.id)) };
  };
  const residual = lost('residual');
  return {
    rows: keptIndices(masked.vocabulary, lost('vocabulary')?.gone),
    features: residual && keptIndices(residual.units, residual.gone),
  };
}

function compare(
  ctx: Context,
  pair: Pair,
  recipe: CutRecipe,
  { partition, removed }: { partition: Partition; removed: Removed },
  tokens: Tensor,
): CheckpointEquality {
  const layers: LayerEquality[] = [];
  let [x, y] = embedded(pair, tokens);
  const note = (layer: number): void => {
    const [maxAbsDifference, scale] = distance(inCutWidth(pair, x), y);
    layers.push({ layer, maxAbsDifference, scale });
  };
  note(-1);
  for (let l = 0; l < pair.masked.layers; l++) {
    ctx.checkpoint();
    x = advanced(x, pair.masked.layer(l), tokens, (model) =>
      closeExperts(model, ofLayer(partition, l), removed),
    );
    const at = recipe.layers.findIndex(({ from }) => from === l);
    if (at >= 0) y = advanced(y, pair.compact.layer(at), tokens);
    note(l);
  }
  const found = { ...comparedLogits(ctx, pair, x, y), layers };
  refuse(found);
  return found;
}

/** One layer further; the layer is freed. */
function advanced(
  x: Tensor,
  model: Model,
  tokens: Tensor,
  close?: (model: Model) => { restore(): void },
): Tensor {
  using layer = model;
  const closed = close?.(layer);
  try {
    const next = layer.layer(0, x, tokens);
    if (next !== x) x.dispose();
    return next;
  } finally {
    closed?.restore();
  }
}

/** The groups of layer `l`, named as in a model that has no other. */
function ofLayer({ groups }: Partition, l: number): Pick<Partition, 'groups'> {
  const own = groups.filter(({ layer }) => layer === l);
  return {
    groups: own.map((group) => ({
      ...group,
      slices: group.slices.map((s) => ({ ...s, param: inLayer(s.param, 0) ?? s.param })),
    })),
  };
}

/** What the first layers read, for the same tokens by the numbers that each model gives them. */
function embedded({ masked, compact, rows }: Pair, tokens: Tensor): [Tensor, Tensor] {
  const place = new Map(rows.map((row, i) => [row, i]));
  // Places of the tokens among those that stay; one that went becomes one that stays.
  const places = tokens.toArray().map((id) => place.get(id) ?? id % rows.length);
  const used = [...new Set(places)].sort((a, b) => a - b);
  const order = new Map(used.map((at, i) => [at, i]));
  const ids = places.map((at) => order.get(at) ?? 0);
  const through = (part: StreamedModel, own: readonly number[]): Tensor => {
    using frame = part.frame(own);
    return scoped(() => frame.embed(longTensorOn(tokens.device, ids, tokens.shape)));
  };
  return [
    through(
      masked,
      used.map((at) => rows[at] as number),
    ),
    through(compact, used),
  ];
}

function inCutWidth({ features }: Pair, x: Tensor): Tensor {
  return features ? indexSelect(x, -1, longTensorOn(x.device, [...features])) : x;
}

/** Largest |a − b| and largest |a|; NaN where one of them holds one. */
function distance(a: Tensor, b: Tensor): [difference: number, scale: number] {
  return scoped(() => maxima([sub(a, b), a])) as [number, number];
}

/** The last norms, then the heads, some rows of the vocabulary at a time. */
function comparedLogits(ctx: Context, pair: Pair, x: Tensor, y: Tensor): Equality {
  const { masked, compact, rows } = pair;
  const step = Math.max(1, Math.floor(headBytes / 4 / x.extent(-1)));
  const finished = (part: StreamedModel, row: number, h: Tensor): Tensor => {
    using frame = part.frame([row]);
    return frame.finish(h);
  };
  const [h, g] = [finished(masked, rows[0] ?? 0, x), finished(compact, 0, y)];
  let [maxAbsDifference, logitScale] = [0, 0];
  for (let begin = 0; begin < rows.length; begin += step) {
    ctx.checkpoint();
    const block = rows.slice(begin, begin + step);
    using one = masked.frame(block, { headOnly: true });
    const own = block.map((_, i) => begin + i);
    using other = compact.frame(own, { headOnly: true });
    const [difference, scale] = scoped(() => distance(one.head(h), other.head(g)));
    // Math.max keeps a NaN, which then fails the comparison.
    maxAbsDifference = Math.max(maxAbsDifference, difference);
    logitScale = Math.max(logitScale, scale);
  }
  return { maxAbsDifference, logitScale, tolerance: relativeTolerance * logitScale };
}

function refuse(found: CheckpointEquality): void {
  const { maxAbsDifference, tolerance, logitScale, layers } = found;
  if (maxAbsDifference <= tolerance) return;
  const parted = layers.find((l) => !(l.maxAbsDifference <= relativeTolerance * l.scale));
  const where = !parted
    ? 'behind the last layer: in the last norm or the head'
    : parted.layer < 0
      ? 'before the first layer: in the embedding'
      : `in layer ${parted.layer} of the dense model`;
  throw new LoraShearError(
    'CUT_NOT_EQUAL',
    `the cut folder does not compute what the masked dense one does: logits differ by up to ${maxAbsDifference.toPrecision(3)} at ${logitScale.toPrecision(3)}, allowed is ${tolerance.toPrecision(3)}; the hidden states part ${where}`,
    {
      hint: 'the folder was changed or damaged, or this is a defect: cut again; if it happens again, please report it with --debug output',
      facts: { layer: parted?.layer, maxAbsDifference, logitScale, tolerance },
    },
  );
}
