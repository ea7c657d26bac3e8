// Weights against config.json from the headers alone, before memory is spent.
import { LoraShearError } from '../errors.js';
import { architectureOf } from '../models/index.js';
import type { RawConfig } from '../models/model.js';
import { type WeightSource, metaWeights } from '../nn/weight_source.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Weights, storedName } from './weights.js';

/** Buffers that older checkpoints hold and every model makes itself. */
const buffers =
  /(\.rotary_emb\.inv_freq|\.attn\.(masked_)?bias|\.attention\.(masked_)?bias|\.embed_positions\.weights)$/;

/**
 * Builds the model on meta and compares every tensor that it asks for with the files.
 * @throws TENSOR_MISSING, TENSOR_MISSHAPEN, CHECKPOINT_UNSUPPORTED for types that hold no weights,
 * CHECKPOINT_INVALID for tensors that the model has no place for
 */
export function checkWeights(dir: string, config: RawConfig, opened: Weights): void {
  const { owner } = opened;
  const meta = metaWeights();
  const made: Tensor[] = [];
  const asked = new Set<string>();
  const missing: string[] = [];
  const source: WeightSource = (name, shape) => {
    const stored = storedName(name, opened);
    asked.add(stored);
    const entry = owner.get(stored)?.entries.get(stored);
    if (!entry) missing.push(name);
    else {
      refuseShape(name, entry.shape, shape);
      refuseType(dir, name, entry.stored);
    }
    const tensor = meta(name, shape);
    made.push(tensor);
    return tensor;
  };
  try {
    architectureOf(config).build(config, source);
  } finally {
    for (const tensor of made) tensor.dispose();
  }
  if (missing.length > 0) throw missingTensors(dir, missing);
  const extra = [...owner.keys()].filter((name) => !asked.has(name) && !buffers.test(name));
  const unexplained = extra.filter((name) => !isTiedHead(name, config));
  if (unexplained.length === 0) return;
  throw new LoraShearError(
    'CHECKPOINT_INVALID',
    `${dir} holds ${list(unexplained)}, which the model has no place for`,
    {
      hint: 'the weights do not belong to this config.json (more layers, biases, an adapter, another model?)',
      facts: { extra: unexplained.slice(0, 20), count: unexplained.length },
    },
  );
}

/** A head that is tied to the embedding may be stored once more; the embedding counts, as in transformers. */
function isTiedHead(name: string, config: RawConfig): boolean {
  const tied = config['tie_word_embeddings'];
  return tied !== false && /^(lm_head|embed_out|model\.lm_head)\.weight$/.test(name);
}

function refuseShape(name: string, found: readonly number[], expected: readonly number[]): void {
  if (found.join() === expected.join()) return;
  throw new LoraShearError(
    'TENSOR_MISSHAPEN',
    `'${name}' has shape [${found.join(', ')}], config.json asks for [${expected.join(', ')}]`,
    {
      hint: 'the weights do not belong to this config.json',
      facts: { name, found, expected },
    },
  );
}

/** Integers and floats of a byte stand for weights only together with scales, which no model here reads. */
function refuseType(dir: string, name: string, stored: string): void {
  if (stored === 'F32' || stored === 'BF16' || stored === 'F16' || stored === 'F64') return;
  throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `${dir}: '${name}' is stored as ${stored}`, {
    hint: 'save the model as float32, bfloat16 or float16; quantised weights are not read',
    facts: { name, stored },
  });
}

function missingTensors(dir: string, names: readonly string[]): LoraShearError {
  return new LoraShearError('TENSOR_MISSING', `${dir} has no ${list(names)}`, {
    hint: 'the weights do not belong to this config.json, or a shard is missing',
    facts: { name: names[0], missing: names.slice(0, 20), count: names.length },
  });
}

/** `tensor 'a'`, or `tensors 'a', 'b', 'c' and 4 more`. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `'${name}'`);
  const rest = names.length - shown.length;
  return `tensor${names.length > 1 ? 's' : ''} ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
