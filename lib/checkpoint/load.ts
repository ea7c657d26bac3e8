// A Hugging Face model folder becomes a model whose weights lie in the mapped file.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { architectureOf } from '../models/index.js';
import type { Model, RawConfig } from '../models/model.js';
import type { WeightSource } from '../nn/weight_source.js';
import { to } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkWeights } from './check_weights.js';
import { type Weights, openWeights, storedName } from './weights.js';

/** @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID */
export function readConfig(dir: string): RawConfig {
  const path = join(dir, 'config.json');
  if (!existsSync(path)) {
    throw new LoraShearError(
      'CHECKPOINT_NOT_FOUND',
      existsSync(dir) ? `${dir} has no config.json` : `${dir} does not exist`,
      {
        hint: 'give a Hugging Face model folder: config.json, model.safetensors, tokenizer.json',
      },
    );
  }
  try {
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (config !== null && typeof config === 'object' && !Array.isArray(config))
      return config as RawConfig;
  } catch {
    // falls through to the one error below
  }
  throw new LoraShearError('CHECKPOINT_INVALID', `${path} is not a JSON object`, {
    hint: 'copy or download config.json again',
  });
}

/** Element types that a model computes in; `auto`: the one that its weights are stored in. */
export type ModelDType = 'auto' | 'float32' | 'bfloat16' | 'float16';

/**
 * Weights of the folder `dir` as `dtype` on `device`: mapped without a copy where they already are.
 * `close` unmaps the files; tensors already taken stay valid.
 * @throws TENSOR_MISSING for a name that is not there
 */
export function checkpointWeights(
  dir: string,
  device = 'cpu',
  dtype: ModelDType = 'float32',
): { weights: WeightSource; close: () => void; opened: Weights } {
  const opened = openWeights(dir);
  const weights: WeightSource = (name) => {
    const stored = storedName(name, opened);
    const file = opened.owner.get(stored);
    if (file) return placed(file.tensor(stored), device, dtype);
    throw new LoraShearError('TENSOR_MISSING', `${dir} has no tensor '${name}'`, {
      hint: 'the weights do not belong to this config.json, or a shard is missing',
      facts: { name },
    });
  };
  return {
    weights,
    opened,
    close() {
      for (const file of opened.files) file.close();
    },
  };
}

/** Takes `stored` over; the result belongs to the caller. */
function placed(stored: Tensor, device: string, dtype: ModelDType): Tensor {
  const wanted = dtype === 'auto' ? stored.dtype : dtype;
  if (stored.dtype === wanted && device === 'cpu') return keep(stored);
  try {
    return keep(to(stored, device, wanted));
  } finally {
    stored.dispose();
  }
}

/**
 * Loads the Hugging Face folder `dir`. The caller disposes the model.
 * @throws CHECKPOINT_* , TENSOR_MISSING, TENSOR_MISSHAPEN, SAFETENSORS_INVALID
 */
export function loadModel(
  dir: string,
  { device = 'cpu', dtype = 'float32' }: { device?: string; dtype?: ModelDType } = {},
): Model {
  const config = readConfig(dir);
  const architecture = architectureOf(config);
  const { weights, close, opened } = checkpointWeights(dir, device, dtype);
  const taken: Tensor[] = [];
  try {
    checkWeights(dir, config, opened);
    return architecture.build(config, (name, shape) => {
      const tensor = weights(name, shape);
      taken.push(tensor);
      return tensor;
    });
  } catch (thrown) {
    for (const tensor of taken) tensor.dispose();
    throw thrown;
  } finally {
    close();
  }
}
