// Recovery on instructions as long as Alpaca's: ours packs them in rows, the peers pad batches; both take the same steps.
import { ignored, padBatch } from '../../lib/data/instruction_examples.js';
import { type Example, type ExampleBatch, packExamples } from '../../lib/data/pack_examples.js';
import { targetCount } from '../../lib/train/language_model_loss.js';
import { alpacaLengths } from '../alpaca_lengths.js';
import { waiterFor } from '../device.js';
import { loraStepFlops } from '../llama_flops.js';
import { llamaConfigOf, tokenIds } from '../llama_folder.js';
import {
  type TrainingDType,
  defaultTraining,
  lora,
  loraModel,
  trainingChecks,
} from '../lora_training.js';
import { type Case, type Checks, type Suite, fasterThan } from '../suite.js';
import { timed } from '../timed.js';

const { shape } = defaultTraining;
/** Examples of an optimiser step, and tokens of a row: a job's defaults. */
const perStep = 16;
const rowLength = 256;
const padId = 0;

/** Alpaca's lengths; which tokens they are does not matter to time. */
export const examples: readonly Example[] = alpacaLengths.totals.map((total, i) => {
  const ids = Int32Array.from(
    tokenIds(total, shape.vocabulary),
    (id) => (id + 31 * i) % shape.vocabulary,
  );
  const labels = ids.slice().fill(ignored, 0, alpacaLengths.prompts[i]);
  return { ids, labels };
});

const steps = (of: readonly Example[]): Example[][] =>
  Array.from({ length: Math.ceil(of.length / perStep) }, (_, i) =>
    of.slice(i * perStep, (i + 1) * perStep),
  );

const packed = (step: readonly Example[]): ExampleBatch => packExamples(step, rowLength, padId);

/** Tokens that a model computes for the batches, padding included. */
const computed = (batches: readonly ExampleBatch[]): number =>
  batches.reduce((sum, { ids }) => sum + ids.length, 0);

const byLength = [...examples].sort((a, b) => b.ids.length - a.ids.length);
/** Of all examples: their own, and what each side computes for them. */
export const tokenCounts = {
  usefulTokens: examples.reduce((sum, { ids }) => sum + ids.length, 0),
  targets: steps(examples).reduce((sum, step) => sum + targetCount(packed(step)), 0),
  computedPacked: computed(steps(examples).map(packed)),
  computedPadded: computed(steps(examples).map((step) => padBatch(step, padId))),
  computedGrouped: computed(steps(byLength).map((step) => padBatch(step, padId))),
};

/** The least products: of each example by itself, and of the head where there is a target. */
const flops =
  examples.reduce((sum, { ids }) => sum + loraStepFlops(shape, 1, ids.length, lora.r), 0) -
  4 * (tokenCounts.usefulTokens - tokenCounts.targets) * shape.hidden * shape.vocabulary;

function recoveryCase(dtype: TrainingDType, device: string): Case {
  return {
    name: `${examples.length} instructions, ${perStep} a step, default model, ${dtype}`,
    ...{ unit: 's', peers: ['padded', 'grouped'], targets: [fasterThan('padded', 2)] },
    tolerance: dtype === 'float32' ? 1e-4 : 0.05,
    compute: { flops, dtype },
    parameters: {
      ...{ device, dtype, ...lora, config: llamaConfigOf(shape, dtype), perStep, padId },
      examples: examples.map(({ ids, labels }) => ({ ids: [...ids], labels: [...labels] })),
    },
    prepare() {
      const { model, factors, train, dispose } = loraModel(shape, dtype, device);
      const call = (): void => {
        for (const step of steps(examples)) train(packed(step));
      };
      const measure = timed({ call, wait: waiterFor(device) });
      return {
        measure: (budget) => ({ ...measure(budget), also: tokenCounts }),
        check(): Checks {
          const { usefulTokens, targets } = tokenCounts;
          return {
            ...trainingChecks(model, factors, steps(examples).map(packed)),
            counts: [usefulTokens, usefulTokens, targets],
          };
        },
        dispose,
      };
    },
  };
}

export const recoverySuite: Suite = {
  name: 'recovery',
  what: 'LoRA training on instructions as long as Alpaca’s: packed rows beside PEFT on padded batches',
  quick: false, // the peer's sample takes half a minute
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).map((dtype) => recoveryCase(dtype, device)),
};
