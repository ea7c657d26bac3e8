// A random LLaMA with LoRA in training, as suites and the program first_steps.js measure it.
import { loraParameters } from '../lib/lora/lora.js';
import type { Model } from '../lib/models/model.js';
import { backward, clearGrads } from '../lib/tensor/autograd.js';
import { scale } from '../lib/tensor/ops.js';
import { scoped } from '../lib/tensor/scope.js';
import type { Tensor } from '../lib/tensor/tensor.js';
import { AdamW } from '../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss, targetCount } from '../lib/train/language_model_loss.js';
import { allAtOnce } from '../lib/train/memory.js';
import { StepGraphs } from '../lib/train/step_graph.js';
import { trainOnBatch } from '../lib/train/train_batch.js';
import { type LlamaModelShape, llamaConfigOf, tokenIds } from './llama_folder.js';
import { randomLlama } from './random_llama.js';
import { defaultModel } from './sliced_matrices.js';
import type { Checks } from './suite.js';

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

/** The random model of a shape with its optimiser; `train` is a step on a batch, which may be recorded. */
export function loraModel(
  shape: LlamaModelShape,
  dtype: TrainingDType,
  device: string,
  recorded = false,
) {
  const model = randomLlama({ shape, dtype, device, ...lora });
  const factors = loraParameters(model);
  const optimizer = new AdamW(factors);
  const graphs = recorded ? new StepGraphs(refuse) : null;
  return {
    ...{ model, factors },
    train: (batch: TokenBatch): void => trainLora(model, batch, optimizer, graphs),
    dispose(): void {
      graphs?.drop();
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** A case of recorded steps measures no others. */
const refuse = (why: string): never => {
  throw new Error(why);
};

/** A LoRA step on the mean loss of a batch. */
export function trainLora(
  model: Model,
  batch: TokenBatch,
  optimizer: AdamW,
  graphs: StepGraphs | null = null,
): void {
  const options = { learningRate: 1e-4, clip: 1, graphs, ...allAtOnce };
  trainOnBatch(model, batch, (part, pass) => nextTokenLoss(model, part, pass), optimizer, options);
}

/** {@link loraModel} with the tokens of every step. */
export function loraTraining(
  { shape, batch, length }: TrainingShape,
  dtype: TrainingDType,
  device: string,
  recorded = false,
) {
  const { train, ...training } = loraModel(shape, dtype, device, recorded);
  const ids = Int32Array.from(tokenIds(batch * length, shape.vocabulary));
  const tokens: TokenBatch = { ids, batch, length };
  return { ...training, tokens, step: () => train(tokens) };
}

/**
 * The mean loss over all targets of the batches, and by kind of factor the norm of its gradients, then that of each layer.
 * Changes nothing (bench/peers/suites/lora_step.py computes the same).
 */
export function trainingChecks(
  model: Model,
  factors: ReadonlyMap<string, Tensor>,
  batches: readonly TokenBatch[],
): Checks {
  const targets = batches.map(targetCount);
  const all = targets.reduce((sum, n) => sum + n, 0);
  const loss = batches.reduce((sum, batch, i) => {
    const part = scoped(() => {
      const mean = scale(nextTokenLoss(model, batch), (targets[i] ?? 0) / all);
      backward(mean);
      return mean.item();
    });
    return sum + part;
  }, 0);
  const norms = new Map<string, number[]>();
  for (const [path, factor] of factors) {
    const [linear, kind] = path.split('.').slice(-3) as [string, string];
    const key = `${linear}.${kind}`;
    const norm = scoped(() => Math.hypot(...(factor.grad?.toFloat32() ?? [NaN])));
    norms.set(key, [...(norms.get(key) ?? []), norm]);
  }
  clearGrads([...factors.values()]);
  const rows = [...norms].map(([key, n]) => [key, [Math.hypot(...n), ...n]] as const);
  return { loss: [loss, loss], ...Object.fromEntries(rows) };
}
