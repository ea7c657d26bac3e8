// Cuts half of the key-value heads and half of the channels of a LLaMA folder; as a program: node cut_folder.js DIR OUT
import { readFileSync, rmSync } from 'node:fs';
import { readConfig } from '../lib/checkpoint/load.js';
import { cutCheckpoint } from '../lib/compress/cut_checkpoint.js';
import type { Removed } from '../lib/compress/losses.js';
import { createContext } from '../lib/context.js';
import type { NodeGroup, Partition } from '../lib/groups/group.js';
import { partition } from '../lib/groups/partition.js';
import { architectureOf } from '../lib/models/index.js';
import { metaWeights } from '../lib/nn/weight_source.js';
import { trace } from '../lib/trace/trace.js';

/** What the cut took, as the program prints it. */
export interface CutFigures {
  /** Seconds from the folder to the cut folder on the disk: trace, partition, cut, fsync. */
  readonly seconds: number;
  /** The most memory that the process ever held, mapped files included (VmHWM). */
  readonly peakMiB: number;
}

/** The half of the units that goes, another one in each layer; the peer computes the same. */
export function halfOf({ units, layer }: Pick<NodeGroup, 'units' | 'layer'>): number[] {
  const key = (unit: number): number => Math.imul(unit + 1, 0x9e3779b1 + 2 * (layer ?? 0)) >>> 0;
  const order = Array.from({ length: units }, (_, unit) => unit).sort((a, b) => key(a) - key(b));
  return order.slice(0, Math.floor(units / 2)).sort((a, b) => a - b);
}

/** Cuts `dir` to `out`; nothing stays in memory. */
export function cutHalf(dir: string, out: string, maxShardBytes?: number): void {
  const groups = partitionOf(dir);
  const removed: Removed = new Map(
    groups.groups.filter(({ prunable }) => prunable).map((group) => [group.id, halfOf(group)]),
  );
  const options = maxShardBytes === undefined ? {} : { maxShardBytes };
  cutCheckpoint(createContext(), dir, groups, removed, out, options);
}

function partitionOf(dir: string): Partition {
  const config = readConfig(dir);
  using model = architectureOf(config).build(config, metaWeights());
  return partition(trace(model));
}

function peakMiB(): number {
  const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(peak?.[1] ?? NaN) / 1024;
}

if (import.meta.filename === process.argv[1]) {
  const [dir, out, shard] = process.argv.slice(2) as [string, string, string | undefined];
  partitionOf(dir); // libtorch is loaded, as the peer has it
  rmSync(out, { recursive: true, force: true });
  const start = process.hrtime.bigint();
  cutHalf(dir, out, shard === undefined ? undefined : Number(shard));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  process.stdout.write(JSON.stringify({ seconds, peakMiB: peakMiB() } satisfies CutFigures));
}
