// Whether a disk has room for what a run will surely write: to learn it after hours of training is too late.
import { lstatSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import { bytes } from '../report/format.js';

/**
 * Bytes that the models of a run take at least, once all is written: a state of LHSPG with the dense model's weights,
 * the cut model between stages (pruned, cut, recovered once or twice) in the job's type, and exported in half a word.
 */
export function leastBytes(job: Pick<Job, 'dtype' | 'ratio' | 'instruct'>, parameters: number) {
  const word = job.dtype === 'float32' ? 4 : 2;
  const left = parameters * (1 - job.ratio);
  return Math.floor(word * parameters + (3 + (job.instruct ? 1 : 0)) * word * left + 2 * left);
}

/**
 * @param folder the run's, which exists; what lies in it counts as written
 * @param needed bytes that will be in `folder` at the end, at least
 * @throws OUTPUT_FAILED when they do not fit
 */
export function refuseFullDisk(folder: string, needed: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (needed <= free || needed - sizeOf(folder) <= free) return;
  throw new LoraShearError(
    'OUTPUT_FAILED',
    `the run takes at least ${bytes(needed)} in ${folder}, where ${bytes(free)} are free`,
    {
      hint: 'make room, or give an --output on another disk',
      facts: { folder, needed, free },
    },
  );
}

function sizeOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0);
}
