// From a checkpoint of 1.3 B parameters in bfloat16 to the first logits: in a process that is ready, and in a new one.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstLogits } from '../first_logits.js';
import { type LlamaModelShape, tokenIds, writeLlama } from '../llama_folder.js';
import { type Case, type Checks, type Measurement, type Suite, ratioTo } from '../suite.js';

const shape: LlamaModelShape = {
  ...{ hidden: 2048, layers: 24, heads: 16, kvHeads: 16, intermediate: 5504, vocabulary: 32000 },
};
const length = 8;

/** Of logits, relative to their root mean square: transformers' own bfloat16 is 7e-2 from its float32 here. */
const tolerance = 0.15;

const script = fileURLToPath(new URL('../first_logits.js', import.meta.url));

/** The same in a program of its own, which prints what it found. */
function inNewProcess(dir: string, ids: readonly number[], device: string): number[] {
  const args = [script, dir, device, ids.join()];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as number[];
}

function loadCase(name: string, fresh: boolean, device: string): Case {
  const dir = join(tmpdir(), `lorashear-bench-load-${process.pid}`);
  const run = fresh ? inNewProcess : firstLogits;
  return {
    ...{ name, unit: 's', peers: ['transformers'], tolerance },
    parameters: { dir, device, fresh, ids: tokenIds(length, shape.vocabulary) },
    targets: [ratioTo('transformers', 0.5)],
    prepare({ dir: folder, ids: given }) {
      const [path, ids] = [folder as string, given as number[]];
      writeLlama(path, shape, 'bfloat16');
      return {
        measure(): Measurement {
          const start = process.hrtime.bigint();
          run(path, ids, device);
          return { values: [Number(process.hrtime.bigint() - start) / 1e9] };
        },
        check: (): Checks => ({ last: run(path, ids, device) }),
        dispose: () => {
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

export const load: Suite = {
  name: 'load',
  what: 'a checkpoint of 1.3 B parameters to the first logits, beside transformers',
  quick: false, // writes 2.6 GB
  threaded: true,
  cases: ({ device }) => [
    loadCase(`1.3 B parameters in bfloat16, ${length} tokens`, false, device),
    loadCase(`the same from the start of a process`, true, device),
  ],
};
