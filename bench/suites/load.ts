// From a checkpoint of 1.3 B parameters in bfloat16 to the first logits, the program and its imports already there.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { select } from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { scoped } from '../../lib/tensor/scope.js';
import { type LlamaModelShape, logitRow, tokenIds, writeLlama } from '../llama_folder.js';
import { type Checks, type Measurement, type Suite, ratioTo } from '../suite.js';

const shape: LlamaModelShape = {
  ...{ hidden: 2048, layers: 24, heads: 16, kvHeads: 16, intermediate: 5504, vocabulary: 32000 },
};
const length = 8;

/** Of logits, relative to their root mean square: transformers' own bfloat16 is 7e-2 from its float32 here. */
const tolerance = 0.15;

/** Loads, computes the last token's logits, and lets go. */
function firstLogits(dir: string, ids: readonly number[], device: string): number[] {
  using model = loadModel(dir, { device, dtype: 'auto' });
  return noGrad(() =>
    scoped(() => {
      const logits = model.forward(longTensorOn(device, ids, [1, length]));
      return logitRow(select(select(logits, 0, 0), 0, length - 1));
    }),
  );
}

export const load: Suite = {
  name: 'load',
  what: 'a checkpoint of 1.3 B parameters to the first logits, beside transformers',
  quick: false, // writes 2.6 GB
  threaded: true,
  cases({ device }) {
    const dir = join(tmpdir(), `lorashear-bench-load-${process.pid}`);
    return [
      {
        name: '1.3 B parameters in bfloat16, 8 tokens',
        ...{ unit: 's', peers: ['transformers'], tolerance },
        parameters: { dir, device, ids: tokenIds(length, shape.vocabulary) },
        targets: [ratioTo('transformers', 0.5)],
        prepare({ dir: folder, ids: given }) {
          const [path, ids] = [folder as string, given as number[]];
          writeLlama(path, shape, 'bfloat16');
          return {
            measure(): Measurement {
              const start = process.hrtime.bigint();
              firstLogits(path, ids, device);
              return { values: [Number(process.hrtime.bigint() - start) / 1e9] };
            },
            check: (): Checks => ({ last: firstLogits(path, ids, device) }),
            dispose: () => {
              rmSync(path, { recursive: true, force: true });
            },
          };
        },
      },
    ];
  },
};
