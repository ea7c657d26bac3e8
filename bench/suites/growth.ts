// How the time of a forward pass and of a LoRA step grows when width, depth, length or batch double, beside transformers.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { waiterFor } from '../device.js';
import { tokenIds, writeLlama } from '../llama_folder.js';
import {
  type TrainingDType,
  type TrainingShape,
  defaultTraining as base,
  loraTraining,
  trainingChecks,
  trainingParameters,
} from '../lora_training.js';
import { type Case, type Checks, type Suite, ratioTo } from '../suite.js';
import { timedInTurn } from '../timed.js';

const { shape } = base;

const doubled: Readonly<Record<string, TrainingShape>> = {
  hidden: {
    ...base,
    shape: { ...shape, hidden: 1024, heads: 16, kvHeads: 8, intermediate: 2752 },
  },
  depth: { ...base, shape: { ...shape, layers: 16 } },
  'sequence length': { ...base, length: 512 },
  batch: { ...base, batch: 8 },
};

/** What doubles, to what size, and where it is computed. */
interface Growth {
  readonly what: string;
  readonly size: TrainingShape;
  readonly dtype: TrainingDType;
  readonly device: string;
}

/** A model of a size with its tokens, and the forward pass that is timed. */
function forwardOf(
  dir: string,
  { shape: own, batch, length }: TrainingShape,
  { dtype, device }: Growth,
) {
  writeLlama(dir, own, dtype);
  const model = loadModel(dir, { device, dtype: 'auto' });
  const ids = tokenIds(batch * length, own.vocabulary);
  const tokens = keep(longTensorOn(device, ids, [batch, length]));
  return {
    call: (): void => noGrad(() => scoped(() => void model.forward(tokens))),
    wait: waiterFor(device),
    dispose() {
      model.dispose();
      tokens.dispose();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function forwardCase(growth: Growth): Case {
  const { what, size, dtype, device } = growth;
  const dirOf = (name: string): string =>
    join(
      tmpdir(),
      `lorashear-bench-growth-${process.pid}-${what.replace(' ', '-')}-${dtype}-${name}`,
    );
  const side = (name: string, { batch, length }: TrainingShape) => ({
    ...{ dir: dirOf(name), batch, length, ids: tokenIds(batch * length, shape.vocabulary) },
  });
  return {
    name: `forward pass, ${what} doubled, ${dtype}`,
    ...{ unit: '×', peers: ['transformers'] },
    parameters: { of: 'forward', device, base: side('base', base), doubled: side('doubled', size) },
    targets: [ratioTo('transformers', 1)],
    prepare({ base: one, doubled: two }) {
      const [from, to] = [one, two].map((given) => (given as { dir: string }).dir);
      const small = forwardOf(from ?? '', base, growth);
      const large = forwardOf(to ?? '', size, growth);
      return {
        measure: timedInTurn(small, large),
        dispose() {
          small.dispose();
          large.dispose();
        },
      };
    },
  };
}

function stepCase({ what, size, dtype, device }: Growth): Case {
  return {
    name: `LoRA step, ${what} doubled, ${dtype}`,
    ...{ unit: '×', peers: ['eager'], targets: [ratioTo('eager', 1)] },
    tolerance: dtype === 'float32' ? 1e-4 : 0.05,
    parameters: {
      ...{ of: 'step', base: trainingParameters(base, dtype, device) },
      doubled: trainingParameters(size, dtype, device),
    },
    prepare() {
      const small = loraTraining(base, dtype, device);
      const large = loraTraining(size, dtype, device);
      const wait = waiterFor(device);
      return {
        measure: timedInTurn({ call: small.step, wait }, { call: large.step, wait }),
        check(): Checks {
          const rows = Object.entries({ base: small, doubled: large }).flatMap(([side, one]) =>
            Object.entries(trainingChecks(one.model, one.factors, [one.tokens])).map(
              ([name, row]) => [`${side}.${name}`, row] as const,
            ),
          );
          return Object.fromEntries(rows);
        },
        dispose() {
          small.dispose();
          large.dispose();
        },
      };
    },
  };
}

export const growthSuite: Suite = {
  name: 'growth',
  what: 'how time grows when width, depth, length or batch double: forward pass and LoRA step, beside transformers',
  quick: false,
  threaded: true,
  cases: ({ device }) =>
    [forwardCase, stepCase].flatMap((caseOf) =>
      (['float32', 'bfloat16'] as const).flatMap((dtype) =>
        Object.entries(doubled).map(([what, size]) => caseOf({ what, size, dtype, device })),
      ),
    ),
};
