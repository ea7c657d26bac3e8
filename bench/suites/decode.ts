// Greedy decoding of one text with a cache: time of one new token, the prompt's pass included, beside transformers.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import type { Model } from '../../lib/models/model.js';
import { KvCache } from '../../lib/nn/kv_cache.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { argmax, select } from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { scoped } from '../../lib/tensor/scope.js';
import { logitRow, tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import { type Case, type Checks, type Suite, fasterThan } from '../suite.js';
import { timed } from '../timed.js';

const shape = { ...defaultModel, vocabulary: 8192 };
const [prompt, fresh] = [32, 128];

/** Differences of logits, relative to their root mean square. */
const tolerance = { float32: 1e-4, bfloat16: 6e-2 } as const;

/** Feeds `ids`, then as many chosen tokens as asked; returns the last logits (V) of every pass. */
function* passes(model: Model, ids: readonly number[], device: string): Generator<number[]> {
  using cache = new KvCache();
  let next: readonly number[] = ids;
  for (;;) {
    const [row, token] = scoped(() => {
      const tokens = longTensorOn(device, next, [1, next.length]);
      const hidden = model.hidden(tokens, { cache });
      const logits = model.head(select(select(hidden, 0, 0), 0, next.length - 1));
      return [logitRow(logits), argmax(logits, 0).item()] as const;
    });
    yield row;
    next = [token];
  }
}

/** What a caller of the model writes: a pass, the best token, and again. */
function decode(model: Model, ids: readonly number[], device: string): void {
  using cache = new KvCache();
  let next: readonly number[] = ids;
  for (let made = 0; made < fresh; made++) {
    const token = scoped(() => {
      const tokens = longTensorOn(device, next, [1, next.length]);
      const hidden = model.hidden(tokens, { cache });
      const logits = model.head(select(select(hidden, 0, 0), 0, next.length - 1));
      return argmax(logits, 0).item();
    });
    next = [token];
  }
}

function decodeCase(dtype: 'float32' | 'bfloat16', device: string): Case {
  const dir = join(tmpdir(), `lorashear-bench-decode-${process.pid}-${dtype}`);
  return {
    name: `default model, ${prompt} + ${fresh} tokens, ${dtype}`,
    ...{ unit: 's', peers: ['generate', 'loop'], tolerance: tolerance[dtype] },
    parameters: { dir, device, fresh, ids: tokenIds(prompt, shape.vocabulary) },
    targets: [fasterThan('generate', 1.5)],
    prepare({ dir: folder, ids: given }) {
      const [path, ids] = [folder as string, given as number[]];
      writeLlama(path, shape, dtype);
      const model = loadModel(path, { device, dtype: 'auto' });
      const call = (): void => {
        noGrad(() => {
          decode(model, ids, device);
        });
      };
      return {
        measure: timed({ call, operations: fresh }),
        check: (): Checks =>
          noGrad(() => {
            const rows = passes(model, ids, device);
            const of = (): number[] => rows.next().value as number[];
            const checks = { prompt: of(), first: of() };
            rows.return(undefined);
            return checks;
          }),
        dispose() {
          model.dispose();
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

export const decodeSuite: Suite = {
  name: 'decode',
  what: 'greedy decoding of one text with a cache, a new token, beside transformers',
  quick: true,
  threaded: true,
  cases: ({ device }) => [decodeCase('float32', device), decodeCase('bfloat16', device)],
};
