// How the time of a forward pass grows when width, depth, length or batch double: ours beside transformers.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { waiterFor } from '../device.js';
import { type LlamaModelShape, tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import { median } from '../statistics.js';
import { type Budget, type Case, type Measurement, type Suite, ratioTo } from '../suite.js';
import { timed } from '../timed.js';

interface Size {
  readonly shape: LlamaModelShape;
  readonly batch: number;
  readonly length: number;
}

const base: Size = { shape: { ...defaultModel, vocabulary: 8192 }, batch: 4, length: 256 };
const { shape } = base;

const doubled: Readonly<Record<string, Size>> = {
  hidden: {
    ...base,
    shape: { ...shape, hidden: 1024, heads: 16, kvHeads: 8, intermediate: 2752 },
  },
  depth: { ...base, shape: { ...shape, layers: 16 } },
  'sequence length': { ...base, length: 512 },
  batch: { ...base, batch: 8 },
};

type DType = 'float32' | 'bfloat16';

/** A model of a size with its tokens, and the call that is timed. */
function forwardOf(dir: string, { shape: own, batch, length }: Size, dtype: DType, device: string) {
  writeLlama(dir, own, dtype);
  const model = loadModel(dir, { device, dtype: 'auto' });
  const ids = tokenIds(batch * length, own.vocabulary);
  const tokens = keep(longTensorOn(device, ids, [batch, length]));
  const call = (): void => noGrad(() => scoped(() => void model.forward(tokens)));
  return {
    measure: timed({ call, wait: waiterFor(device) }),
    dispose() {
      model.dispose();
      tokens.dispose();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function growthCase(what: string, dtype: DType, device: string): Case {
  const size = doubled[what] ?? base;
  const dirs = ['base', 'doubled'].map((name) =>
    join(
      tmpdir(),
      `lorashear-bench-growth-${process.pid}-${what.replace(' ', '-')}-${dtype}-${name}`,
    ),
  );
  const [baseDir = '', doubledDir = ''] = dirs;
  const tokensOf = ({ batch, length }: Size) => ({
    ...{ batch, length, ids: tokenIds(batch * length, shape.vocabulary) },
  });
  return {
    name: `forward pass, ${what} doubled, ${dtype}`,
    ...{ unit: '×', peers: ['transformers'] },
    parameters: {
      device,
      base: { dir: baseDir, ...tokensOf(base) },
      doubled: { dir: doubledDir, ...tokensOf(size) },
    },
    targets: [ratioTo('transformers', 1)],
    prepare({ base: one, doubled: two }) {
      const [from, to] = [one, two].map((side) => (side as { dir: string }).dir);
      const small = forwardOf(from ?? '', base, dtype, device);
      const large = forwardOf(to ?? '', size, dtype, device);
      return {
        measure(budget: Budget): Measurement {
          const half = { ...budget, seconds: budget.seconds / 2 };
          const before = median(small.measure(half).values);
          const after = median(large.measure(half).values);
          return { values: [after / before], also: { seconds: before, secondsDoubled: after } };
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
  what: 'how time grows when width, depth, length or batch double, beside transformers',
  quick: false,
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) =>
      Object.keys(doubled).map((what) => growthCase(what, dtype, device)),
    ),
};
