// A checkpoint of 1.3 B parameters in bfloat16 cut to half of its heads and channels, from folder to folder.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoredTensors } from '../../lib/checkpoint/stored_tensors.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { CutFigures } from '../cut_folder.js';
import { type LlamaModelShape, logitRow, writeLlama } from '../llama_folder.js';
import { type Case, type Checks, type Suite, alsoAtMost, ratioTo } from '../suite.js';

const shape: LlamaModelShape = {
  ...{ hidden: 2048, layers: 24, heads: 16, kvHeads: 16, intermediate: 5504, vocabulary: 32000 },
};

/** Tensors that are checked, and which row of each. */
const rows: readonly (readonly [name: string, row: number])[] = [
  ['model.layers.0.self_attn.q_proj.weight', 130],
  ['model.layers.3.self_attn.o_proj.weight', 5],
  ['model.layers.23.mlp.gate_proj.weight', 2751],
  ['model.layers.11.mlp.down_proj.weight', 2047],
  ['lm_head.weight', 31999],
];

const script = fileURLToPath(new URL('../cut_folder.js', import.meta.url));

/** In a program of its own, whose memory can be told. */
function cutInNewProcess(dir: string, out: string): CutFigures {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, dir, out], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as CutFigures;
}

function checksOf(out: string): Checks {
  using stored = new StoredTensors(out);
  return Object.fromEntries(
    rows.map(([name, row]) => [
      name,
      scoped(() => {
        const [root = NaN, ...values] = logitRow(
          stored.read(stored.slice(name, new Map([[0, [row]]]))),
        );
        return [root, ...values.slice(0, 64)];
      }),
    ]),
  );
}

function cutCase(): Case {
  const folder = join(tmpdir(), `lorashear-bench-cut-${process.pid}`);
  return {
    name: '1.3 B parameters in bfloat16, half of the heads and channels',
    ...{ unit: 's', peers: ['torch'], tolerance: 1e-6 },
    parameters: { dir: folder, out: `${folder}-out`, rows },
    targets: [ratioTo('torch', 0.6), alsoAtMost('peakMiB', 300, 'peak memory ≤ 300 MiB')],
    prepare(given) {
      const [dir, out] = [given['dir'] as string, given['out'] as string];
      writeLlama(dir, shape, 'bfloat16');
      return {
        measure() {
          const { seconds, peakMiB } = cutInNewProcess(dir, out);
          return { values: [seconds], also: { peakMiB } };
        },
        check() {
          cutInNewProcess(dir, out);
          return checksOf(out);
        },
        dispose() {
          for (const path of [dir, out, `${out}-peer`])
            rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

export const cut: Suite = {
  name: 'cut',
  what: 'half of a checkpoint of 1.3 B parameters cut away, from folder to folder, beside torch',
  quick: false, // writes 5.6 GB
  threaded: true,
  cases: () => [cutCase()],
};
