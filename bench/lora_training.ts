// A random LLaMA with LoRA in training, as suites and the program first_steps.js measure it.
import { loraParameters } from '../lib/lora/lora.js';
import { AdamW } from '../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../lib/train/language_model_loss.js';
import { allAtOnce, trainOnBatch } from '../lib/train/train_batch.js';
import { type LlamaModelShape, llamaConfigOf, tokenIds } from './llama_folder.js';
import { randomLlama } from './random_llama.js';
import { defaultModel } from './sliced_matrices.js';

export const lora = { r: 8, alpha: 16 };

export interface TrainingShape {
  readonly shape: LlamaModelShape;
  readonly batch: number;
  readonly length: number;
}

/** The default model on 4 × 256 tokens. */
export const defaultTraining: TrainingShape = {
  ...{ shape: { ...defaultModel, vocabulary: 8192 }, batch: 4, length: 256 },
};

export type TrainingDType = 'float32' | 'bfloat16';

/** What the peer needs to build and train the same (bench/peers/suites/lora_step.py). */
export const trainingParameters = (
  { shape, batch, length }: TrainingShape,
  dtype: TrainingDType,
  device: string,
) => ({
  ...{ device, dtype, batch, length, ...lora, config: llamaConfigOf(shape, dtype) },
  ids: tokenIds(batch * length, shape.vocabulary),
});

export function loraTraining(
  { shape, batch, length }: TrainingShape,
  dtype: TrainingDType,
  device: string,
) {
  const model = randomLlama({ shape, dtype, device, ...lora });
  const factors = loraParameters(model);
  const optimizer = new AdamW(factors);
  const ids = Int32Array.from(tokenIds(batch * length, shape.vocabulary));
  const tokens: TokenBatch = { ids, batch, length };
  const options = { learningRate: 1e-4, clip: 1, ...allAtOnce };
  return {
    ...{ model, factors, tokens },
    step(): void {
      trainOnBatch(model, tokens, (t, pass) => nextTokenLoss(model, t, pass), optimizer, options);
    },
    dispose(): void {
      optimizer.dispose();
      model.dispose();
    },
  };
}
