// A checkpoint folder opened for use: its model, and a tokenizer that belongs to it.
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { type Tokenizer, checkVocabulary, loadTokenizer } from '../tokenizer/tokenizer.js';
import { type ModelDType, loadModel } from './load.js';

const dtypes: readonly ModelDType[] = ['auto', 'float32', 'bfloat16', 'float16'];

export interface OpenOptions {
  device?: string | undefined;
  /** A {@link ModelDType}; default `float32`. */
  dtype?: string | undefined;
}

/**
 * The caller disposes the model. @throws what `loadModel` and `loadTokenizer` throw, `TOKENIZER_INVALID` for another model's,
 * `CONFIG_INVALID` for a dtype that models are not loaded in
 */
export function openCheckpoint(
  dir: string,
  { device, dtype }: OpenOptions = {},
): { model: Model; tokenizer: Tokenizer } {
  const known = dtypes.find((one) => one === (dtype ?? 'float32'));
  if (known === undefined) {
    throw new LoraShearError('CONFIG_INVALID', `the dtype "${dtype ?? ''}" was asked for`, {
      hint: `give one of ${dtypes.join(', ')}`,
      facts: { dtype },
    });
  }
  const model = loadModel(dir, {
    ...(device === undefined ? {} : { device }),
    dtype: known,
  });
  try {
    const tokenizer = loadTokenizer(dir);
    checkVocabulary(tokenizer, model.vocabulary);
    return { model, tokenizer };
  } catch (thrown) {
    model.dispose();
    throw thrown;
  }
}
