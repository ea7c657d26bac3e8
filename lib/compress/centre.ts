// A residual stream of mean zero: LayerNorm becomes a root-mean-square norm, and the width can be cut (algorithm.md §1.5).
import { LoraShearError } from '../errors.js';
import type { NodeGroup, Partition, Slice } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { Model, RawConfig } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, mean, sub } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** Key of config.json that says so; our own, as no stock model is built like this. */
export const residualNormKey = 'residual_norm';

/** Float32 sums in another order. */
const tolerance = 1e-4;

/**
 * The same function with a stream of mean zero: everything that writes to it has its mean over the width subtracted,
 * which LayerNorm would have done, so that LayerNorm's mean is zero and its variance a mean square. An embedding that is
 * also the head is untied, because the head must not change. The result owns its memory.
 * @throws CHECKPOINT_UNSUPPORTED where the stream is written by what cannot be centred (a norm of its own: post-norm)
 */
export function centreResidual(model: Model, partition: Partition): Model {
  const residual = partition.groups.find(({ kind }) => kind === 'residual');
  if (!residual) throw unsupported('there is no residual width in this model');
  if (!partition.norms?.some(({ kind }) => kind === 'layer')) {
    throw unsupported('it has no LayerNorm over it, whose mean would have to be folded in');
  }
  const writers = writersOf(residual, partition);
  const source = new Map(model.parameters());
  const config: RawConfig = {
    ...model.config,
    [residualNormKey]: 'rms',
    tie_word_embeddings: false,
  };
  const made: Tensor[] = [];
  const own = (tensor: Tensor): Tensor => {
    made.push(keep(tensor));
    return tensor;
  };
  try {
    const centred = architectureOf(config).build(config, (name) => {
      const from = source.get(name);
      // The head of a tied model: the embedding as it was.
      const tensor = from ?? embeddingOf(source, partition);
      if (!tensor) throw unsupported(`the model has no parameter '${name}'`);
      const slice = from ? writers.get(name) : undefined;
      return noGrad(() => own(slice ? centredAlong(tensor, slice.dim) : clone(tensor)));
    });
    copyFactors(model, centred, writers, own);
    proveEqual(model, centred);
    return centred;
  } catch (thrown) {
    for (const tensor of made) tensor.dispose();
    throw thrown;
  }
}

/** Parameters that write to the stream, with the dimension along it; the norms read it. */
function writersOf({ slices }: NodeGroup, { norms = [] }: Partition): ReadonlyMap<string, Slice> {
  const read = new Set(norms.flatMap(({ weight = '', bias = '' }) => [weight, bias]));
  const writers = slices.filter(({ role, param }) => role === 'producer' && !read.has(param));
  return new Map(writers.map((slice) => [slice.param, slice]));
}

function embeddingOf(
  source: ReadonlyMap<string, Tensor>,
  { groups }: Partition,
): Tensor | undefined {
  const vocabulary = groups.find(({ kind }) => kind === 'vocabulary');
  return source.get(vocabulary?.slices[0]?.param ?? '');
}

function centredAlong(tensor: Tensor, dim: number): Tensor {
  return scoped(() => sub(tensor, mean(tensor, [dim], true)));
}

/** LoRA as it was, its B factors centred where their linear writes to the stream. */
function copyFactors(
  model: Model,
  centred: Model,
  writers: ReadonlyMap<string, Slice>,
  own: (tensor: Tensor) => Tensor,
): void {
  const targets = centred.linears();
  for (const [path, { lora }] of model.linears()) {
    const target = targets.get(path);
    if (!lora || !target) continue;
    const slice = writers.get(`${path}.lora_B.weight`);
    noGrad(() => {
      const B = own(slice ? centredAlong(lora.B, slice.dim) : clone(lora.B));
      target.lora = { ...lora, A: own(clone(lora.A)), B };
    });
  }
}

function proveEqual(model: Model, centred: Model): void {
  const V = model.vocabulary;
  const ids = Array.from({ length: 8 }, (_, i) => (i * 7919 + 3) % V);
  const logits = (m: Model): Float32Array =>
    noGrad(() => scoped(() => m.forward(longTensorOn(m.device, ids, [1, 8])).toFloat32()));
  const [before, after] = [logits(model), logits(centred)];
  let [scale, difference] = [0, 0];
  before.forEach((x, i) => {
    scale = Math.max(scale, Math.abs(x));
    difference = Math.max(difference, Math.abs(x - (after[i] ?? NaN)));
  });
  if (difference <= tolerance * scale) return;
  throw unsupported(
    `the centred model's logits differ by ${difference.toPrecision(3)} at ${scale.toPrecision(3)}`,
  );
}

function unsupported(what: string): LoraShearError {
  return new LoraShearError('CHECKPOINT_UNSUPPORTED', `its residual width cannot be cut: ${what}`, {
    hint: 'cut heads, channels or layers of this model; they need no centring',
  });
}
