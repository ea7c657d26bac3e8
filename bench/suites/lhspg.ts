// What LHSPG costs inside a training step, and how much faster the step is once half of the groups have left.
import { createContext } from '../../lib/context.js';
import { Walk, chooseUnits, strides } from '../../lib/lhspg/period.js';
import { RunningModel } from '../../lib/lhspg/running_model.js';
import type { Units } from '../../lib/lhspg/select.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { discoverGroups } from '../../lib/pipeline/discover.js';
import { trace } from '../../lib/trace/trace.js';
import { AdamW } from '../../lib/train/adamw.js';
import type { TokenBatch } from '../../lib/train/language_model_loss.js';
import { waiterFor } from '../device.js';
import { loraStepFlops } from '../llama_flops.js';
import { llamaConfigOf, tokenIds } from '../llama_folder.js';
import {
  type TrainingDType as DType,
  defaultTraining,
  lora,
  trainLora,
  trainingChecks,
  trainingParameters,
} from '../lora_training.js';
import { randomLlama } from '../random_llama.js';
import { median } from '../statistics.js';
import {
  type Budget,
  type Case,
  type Measurement,
  type Suite,
  alsoAtMost,
  fasterThan,
} from '../suite.js';

const { shape, batch: rows, length } = defaultTraining;
const batch: TokenBatch = {
  ids: Int32Array.from(tokenIds(rows * length, shape.vocabulary)),
  ...{ batch: rows, length },
};
/** Steps left in the period while measured, so that nothing reaches zero. */
const remaining = 1000;

/** The partition of the default model with its LoRA. */
function partitionOf(dtype: DType) {
  const config = llamaConfigOf(shape, dtype);
  using model = architectureOf(config).build(config, metaWeights(dtype));
  attachLora(model, { ...lora, seed: 0 });
  return discoverGroups(trace(model));
}

/** A model in training that loses half of all units of its groups. */
class Training {
  readonly running: RunningModel;
  optimizer: AdamW;

  constructor(dtype: DType, device: string) {
    const model = randomLlama({ shape, dtype, device, ...lora });
    this.running = new RunningModel(model, partitionOf(dtype));
    this.optimizer = new AdamW(loraParameters(model));
  }

  get model(): Model {
    return this.running.model;
  }

  /** Every other unit of what is left, by its place. */
  get half(): Units {
    return new Map(
      this.running.partition.groups
        .filter((group) => group.prunable)
        .map(({ id, units }) => [id, Array.from({ length: units / 2 }, (_, u) => 2 * u)]),
    );
  }

  step(): void {
    trainLora(this.model, batch, this.optimizer);
  }

  /** LHSPG's update of half of the units that are left. */
  walk(form: 'paper' | 'transfer'): Walk {
    const { model, running } = this;
    const { partition } = running;
    const quotas = new Map([...this.half].map(([id, units]) => [id, units.length]));
    const { chosen, transfers } = chooseUnits(createContext({ device: model.device }), {
      ...{ model, partition, quotas, removed: new Map(), calibration: [batch] },
      ...{ saliency: 'magnitude', seed: 0, averaged: null, transfer: form === 'transfer' },
    });
    const options = { form, epsilon: 0, pull: 'linear' } as const;
    return new Walk(model, partition, this.optimizer, options, chosen, transfers);
  }

  /** Half of all units leave. */
  shrink(): void {
    const { running, half } = this;
    const options = { form: 'paper', epsilon: 0, pull: 'linear' } as const;
    const walk = new Walk(running.model, running.partition, this.optimizer, options, half, []);
    walk.zero();
    walk.dispose();
    running.shrink(createContext({ device: this.model.device }), half, batch);
    this.optimizer.dispose();
    this.optimizer = new AdamW(loraParameters(this.model));
  }

  dispose(): void {
    this.optimizer.dispose();
    this.running.dispose();
  }
}

/** Seconds of one call. */
function seconds(call: () => void, wait: (() => void) | undefined): number {
  const start = process.hrtime.bigint();
  call();
  wait?.();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Calls `sample` until the budget is used; values are those of `of`. */
function sampled<T>(budget: Budget, sample: () => T): T[] {
  const samples: T[] = [];
  const end = performance.now() + 1000 * budget.seconds;
  do samples.push(sample());
  while (samples.length < budget.calls && performance.now() < end);
  return samples;
}

/** Seconds of the walk in a training step, in the mean over those of one stride where a half type walks in strides. */
function walking(walk: Walk, dtype: DType, wait: (() => void) | undefined): number {
  const strided = dtype === 'bfloat16' && walk.options.form === 'transfer';
  const steps = strided ? Math.ceil(remaining / strides) : 1;
  const call = (): void => {
    for (let t = 0; t < steps; t++) walk.step(remaining - t, remaining, false);
  };
  return seconds(call, wait) / steps;
}

function shareCase(form: 'paper' | 'transfer', dtype: DType, device: string): Case {
  return {
    name: `share of a step, ${form} form, ${dtype}`,
    ...{ unit: 's', peers: [], parameters: {} },
    targets: [alsoAtMost('share', 0.015, 'LHSPG ≤ 1.5 % of the step')],
    compute: { flops: loraStepFlops(shape, rows, length, lora.r), dtype },
    prepare() {
      const training = new Training(dtype, device);
      const walk = training.walk(form);
      const wait = waiterFor(device);
      return {
        measure(budget: Budget): Measurement {
          const samples = sampled(budget, () => {
            const step = seconds(() => training.step(), wait);
            const shrinking = walking(walk, dtype, wait);
            return [step + shrinking, shrinking / (step + shrinking)] as const;
          });
          return {
            values: samples.map(([total]) => total),
            also: { share: median(samples.map(([, share]) => share)) },
          };
        },
        dispose() {
          walk.dispose();
          training.dispose();
        },
      };
    },
  };
}

/** Late in pruning: half of the groups have left, half of the others are on their way. The peer's model stays whole. */
function shrunkCase(dtype: DType, device: string): Case {
  return {
    name: `half of the groups gone, ${dtype}`,
    ...{
      unit: 's',
      peers: ['eager'],
      parameters: trainingParameters(defaultTraining, dtype, device),
    },
    targets: [
      fasterThan('eager', 2),
      alsoAtMost('timeOfWhole', 1 / 1.6, 'tokens/s ≥ 1.6 × those of the whole model'),
    ],
    tolerance: dtype === 'float32' ? 1e-4 : 0.05,
    prepare() {
      const whole = new Training(dtype, device);
      const late = new Training(dtype, device);
      late.shrink();
      const walk = late.walk('transfer');
      const wait = waiterFor(device);
      return {
        measure(budget: Budget): Measurement {
          const samples = sampled(budget, () => {
            const before = seconds(() => whole.step(), wait);
            const after = seconds(() => late.step(), wait);
            const shrinking = walking(walk, dtype, wait);
            return [after + shrinking, after / before] as const;
          });
          return {
            values: samples.map(([after]) => after),
            also: { timeOfWhole: median(samples.map(([, ratio]) => ratio)) },
          };
        },
        // Of the whole model, which the peer's is.
        check: () => trainingChecks(whole.model, loraParameters(whole.model), [batch]),
        dispose() {
          walk.dispose();
          late.dispose();
          whole.dispose();
        },
      };
    },
  };
}

export const lhspgSuite: Suite = {
  name: 'lhspg',
  what: 'LHSPG inside a training step, and the step once half of the groups have left, beside PEFT at full size',
  quick: true,
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      shareCase('paper', dtype, device),
      shareCase('transfer', dtype, device),
      shrunkCase(dtype, device),
    ]),
};
