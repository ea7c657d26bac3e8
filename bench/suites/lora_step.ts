// A LoRA training step on a frozen base, beside transformers with PEFT, eager and compiled.
import { waiterFor } from '../device.js';
import { loraStepFlops } from '../llama_flops.js';
import {
  type TrainingDType,
  type TrainingShape,
  defaultTraining,
  lora,
  loraTraining,
  trainingChecks,
  trainingParameters,
} from '../lora_training.js';
import { llama7b } from '../sliced_matrices.js';
import { type Case, type Suite, type Target, fasterThan, nearGemmRate } from '../suite.js';
import { timed } from '../timed.js';

interface Step {
  readonly name: string;
  readonly training: TrainingShape;
  readonly dtype: TrainingDType;
  readonly targets: readonly Target[];
  readonly tolerance: number;
  /** Ours as a CUDA graph. */
  readonly recorded?: boolean;
}

function stepCase(step: Step, device: string): Case {
  const { name, training, dtype, targets, tolerance, recorded } = step;
  const { shape, batch, length } = training;
  const flops = loraStepFlops(shape, batch, length, lora.r);
  return {
    ...{ name, targets, tolerance, unit: 's', peers: ['eager', 'compiled'] },
    compute: { flops, dtype },
    seconds: 2, // steps follow each other: the first after the other side's work finds the caches full of that
    parameters: trainingParameters(training, dtype, device),
    prepare() {
      const made = loraTraining(training, dtype, device, recorded);
      const { model, factors, tokens, step: call, dispose } = made;
      return {
        measure: timed({ call, wait: waiterFor(device) }),
        check: () => trainingChecks(model, factors, [tokens]),
        dispose,
      };
    },
  };
}

const onCpu: readonly Step[] = [
  {
    ...{ name: 'default model, 4×256, float32', training: defaultTraining, dtype: 'float32' },
    ...{ tolerance: 1e-4, targets: [fasterThan('eager', 1.7)] },
  },
  {
    ...{ name: 'default model, 4×256, bfloat16', training: defaultTraining, dtype: 'bfloat16' },
    ...{ tolerance: 0.05, targets: [fasterThan('compiled', 1.3)] },
  },
];

const onCuda: readonly Step[] = [
  {
    name: 'LLaMA-7B, 4×2048, bfloat16',
    training: { shape: { ...llama7b, vocabulary: 32000 }, batch: 4, length: 2048 },
    ...{ dtype: 'bfloat16', tolerance: 0.05 },
    targets: [fasterThan('eager', 1.3), nearGemmRate(0.45)],
  },
];

const alsoRecorded = (step: Step): Step[] => [
  step,
  { ...step, name: `${step.name}, recorded`, recorded: true },
];

export const loraStepSuite: Suite = {
  name: 'lora_step',
  what: 'a LoRA training step, beside transformers with PEFT, eager and compiled',
  quick: false, // compiling the peer takes a minute
  threaded: true,
  cases: ({ device }) =>
    (device === 'cuda' ? [...onCpu, ...onCuda].flatMap(alsoRecorded) : onCpu).map((step) =>
      stepCase(step, device),
    ),
};
