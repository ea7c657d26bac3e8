// Opening a 2 GiB checkpoint: from the path to tensors that can be read, and the memory that this takes.
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { slice, view } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { type Case, type Measurement, type Suite, alsoAtMost, valueAtMost } from '../suite.js';

/** 64 tensors of 4096 × 4096 bfloat16: 32 MiB each. */
const tensors = 64;
const side = 4096;
const tensorBytes = 2 * side * side;

/** A file without data blocks: every byte of its tensors reads as zero. */
function writeSparse(path: string): void {
  const entry = (_: unknown, i: number) => [
    `layers.${i}.weight`,
    {
      ...{ dtype: 'BF16', shape: [side, side] },
      data_offsets: [i * tensorBytes, (i + 1) * tensorBytes],
    },
  ];
  const text = JSON.stringify(Object.fromEntries(Array.from({ length: tensors }, entry)));
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  try {
    writeSync(file, Buffer.concat([length, header]));
    ftruncateSync(file, 8 + header.length + tensors * tensorBytes);
  } finally {
    closeSync(file);
  }
}

function open(path: string): Measurement {
  const before = process.memoryUsage.rss();
  const start = process.hrtime.bigint();
  const [seconds, rss] = scoped(() => {
    const file = new SafetensorsFile(path);
    for (const name of file.entries.keys()) {
      slice(view(file.tensor(name), [side * side]), 0, 0, 1).item(); // one element: it is there
    }
    const took = Number(process.hrtime.bigint() - start) / 1e9;
    const held = process.memoryUsage.rss(); // while all tensors live
    file.close();
    return [took, held] as const;
  });
  return { values: [seconds], also: { rssGrowthMiB: (rss - before) / 2 ** 20 } };
}

export const mmap: Suite = {
  name: 'mmap',
  what: 'a 2 GiB safetensors file to usable tensors',
  quick: true,
  threaded: false,
  cases(): Case[] {
    const path = join(tmpdir(), `lorashear-bench-${process.pid}.safetensors`);
    return [
      {
        name: 'open a file of 2 GiB',
        ...{ unit: 's', peers: ['safetensors'], parameters: { path } },
        targets: [
          valueAtMost(0.05, '< 50 ms'),
          alsoAtMost('rssGrowthMiB', 50, 'RSS grows < 50 MiB'),
        ],
        prepare({ path: given }) {
          const file = given as string;
          writeSparse(file);
          return { measure: () => open(file), dispose: () => rmSync(file) };
        },
      },
    ];
  },
};
