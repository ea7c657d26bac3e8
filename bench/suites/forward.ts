// The logits of a batch without gradients: ours beside transformers, on the same weights.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { select } from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { waiterFor } from '../device.js';
import { forwardFlops } from '../llama_flops.js';
import { logitRow, tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import { type Case, type Checks, type Suite, ratioTo } from '../suite.js';
import { timed } from '../timed.js';

const shape = { ...defaultModel, vocabulary: 8192 };
const [batch, length] = [4, 256];

/** Differences of logits, relative to their root mean square. */
const tolerance = { float32: 1e-4, bfloat16: 6e-2 } as const;

function forwardCase(dtype: 'float32' | 'bfloat16', device: string, atMost: number): Case {
  const dir = join(tmpdir(), `lorashear-bench-forward-${process.pid}-${dtype}`);
  return {
    name: `default model, ${batch}×${length}, ${dtype}`,
    ...{ unit: 's', peers: ['transformers'], tolerance: tolerance[dtype] },
    parameters: { dir, dtype, device, batch, length, ids: tokenIds(batch * length, 8192) },
    targets: [ratioTo('transformers', atMost)],
    compute: { flops: forwardFlops(shape, batch, length), dtype },
    prepare({ dir: folder, ids }) {
      const path = folder as string;
      writeLlama(path, shape, dtype);
      const model = loadModel(path, { device, dtype: 'auto' });
      const tokens = keep(longTensorOn(device, ids as number[], [batch, length]));
      return {
        measure: timed({
          call: () => {
            noGrad(() => scoped(() => void model.forward(tokens)));
          },
          wait: waiterFor(device),
        }),
        check: (): Checks =>
          noGrad(() =>
            scoped(() => {
              const logits = model.forward(tokens);
              const row = (b: number, t: number): number[] =>
                logitRow(select(select(logits, 0, b), 0, t));
              return { first: row(0, 0), middle: row(1, 100), last: row(batch - 1, length - 1) };
            }),
          ),
        dispose() {
          model.dispose();
          tokens.dispose();
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

export const forward: Suite = {
  name: 'forward',
  what: 'logits of the default model without gradients, beside transformers',
  quick: true,
  threaded: true,
  cases: ({ device }) => [
    forwardCase('float32', device, 0.6),
    forwardCase('bfloat16', device, 0.9),
  ],
};
