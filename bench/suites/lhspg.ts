// What LHSPG costs inside a training step, and how much faster the step is once half of the groups have left.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { Walk, chooseUnits } from '../../lib/lhspg/period.js';
import { RunningModel } from '../../lib/lhspg/running_model.js';
import type { Units } from '../../lib/lhspg/select.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { discoverGraph, discoverGroups } from '../../lib/pipeline/discover.js';
import { AdamW } from '../../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { allAtOnce, trainOnBatch } from '../../lib/train/train_batch.js';
import { waiterFor } from '../device.js';
import { loraStepFlops } from '../llama_flops.js';
import { tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import { median } from '../statistics.js';
import { type Budget, type Case, type Measurement, type Suite, alsoAtMost } from '../suite.js';

const shape = { ...defaultModel, vocabulary: 8192 };
const [rows, length] = [4, 256];
const lora = { r: 8, alpha: 16 };
const batch: TokenBatch = {
  ids: Int32Array.from(tokenIds(rows * length, shape.vocabulary)),
  ...{ batch: rows, length },
};
/** Steps left in the period while measured, so that nothing reaches zero. */
const remaining = 1000;

type DType = 'float32' | 'bfloat16';

/** A model in training, and half of all units of its groups. */
class Training {
  readonly running: RunningModel;
  readonly half: Units;
  optimizer: AdamW;

  constructor(
    readonly dir: string,
    dtype: DType,
    device: string,
  ) {
    writeLlama(dir, shape, dtype);
    const partition = discoverGroups(discoverGraph(dir, lora));
    const model = loadModel(dir, { device, dtype });
    attachLora(model, { ...lora, seed: 0 });
    this.running = new RunningModel(model, partition);
    this.optimizer = new AdamW(loraParameters(model));
    this.half = new Map(
      partition.groups
        .filter((group) => group.prunable)
        .map(({ id, units }) => [id, Array.from({ length: units / 2 }, (_, u) => 2 * u)]),
    );
  }

  get model(): Model {
    return this.running.model;
  }

  step(): void {
    const { model, optimizer } = this;
    const options = { learningRate: 1e-4, clip: 1, ...allAtOnce };
    trainOnBatch(
      model,
      batch,
      (part, pass) => nextTokenLoss(model, part, pass),
      optimizer,
      options,
    );
  }

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
    const { running } = this;
    const options = { form: 'paper', epsilon: 0, pull: 'linear' } as const;
    const walk = new Walk(running.model, running.partition, this.optimizer, options, this.half, []);
    walk.zero();
    walk.dispose();
    running.shrink(createContext({ device: this.model.device }), this.half, batch);
    this.optimizer.dispose();
    this.optimizer = new AdamW(loraParameters(this.model));
  }

  dispose(): void {
    this.optimizer.dispose();
    this.running.dispose();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const folder = (name: string): string =>
  join(tmpdir(), `lorashear-bench-lhspg-${process.pid}-${name}`);

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

function shareCase(form: 'paper' | 'transfer', dtype: DType, device: string): Case {
  return {
    name: `share of a step, ${form} form, ${dtype}`,
    ...{ unit: 's', peers: [], parameters: {} },
    targets: [alsoAtMost('share', 0.015, 'LHSPG ≤ 1.5 % of the step')],
    compute: { flops: loraStepFlops(shape, rows, length, lora.r), dtype },
    prepare() {
      const training = new Training(folder(`${form}-${dtype}`), dtype, device);
      const walk = training.walk(form);
      const wait = waiterFor(device);
      return {
        measure(budget: Budget): Measurement {
          const samples = sampled(budget, () => {
            const step = seconds(() => training.step(), wait);
            const shrinking = seconds(() => void walk.step(remaining, remaining, false), wait);
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

function shrunkCase(dtype: DType, device: string): Case {
  return {
    name: `half of the groups gone, ${dtype}`,
    ...{ unit: 's', peers: [], parameters: {} },
    targets: [alsoAtMost('timeOfWhole', 1 / 1.6, 'tokens/s ≥ 1.6 × those of the whole model')],
    prepare() {
      const whole = new Training(folder(`whole-${dtype}`), dtype, device);
      const half = new Training(folder(`half-${dtype}`), dtype, device);
      half.shrink();
      const wait = waiterFor(device);
      return {
        measure(budget: Budget): Measurement {
          const samples = sampled(budget, () => {
            const before = seconds(() => whole.step(), wait);
            const after = seconds(() => half.step(), wait);
            return [after, after / before] as const;
          });
          return {
            values: samples.map(([after]) => after),
            also: { timeOfWhole: median(samples.map(([, ratio]) => ratio)) },
          };
        },
        dispose() {
          whole.dispose();
          half.dispose();
        },
      };
    },
  };
}

export const lhspgSuite: Suite = {
  name: 'lhspg',
  what: 'LHSPG inside a training step, and the step once half of the groups have left',
  quick: true,
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      shareCase('paper', dtype, device),
      shareCase('transfer', dtype, device),
      shrunkCase(dtype, device),
    ]),
};
