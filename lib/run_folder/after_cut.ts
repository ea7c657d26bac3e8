// A run that is to go on from its cut model: what was done up to there must stand, and is not done again.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import { type StageName, stages } from '../events.js';
import { writeJson } from './atomic_write.js';
import { differences } from './canonical_json.js';
import { type Manifest, manifestName, readManifest } from './manifest.js';
import { list } from './refuse_other.js';
import type { RunFolder } from './run_folder.js';

/** What a job may say otherwise than the run was pruned with: nothing of it reaches further up than recovery. */
const free: readonly (keyof Job)[] = [
  ...(['output', 'device', 'threads', 'recovery', 'instruct', 'instructTuning'] as const),
  'evaluation',
];

const order: readonly StageName[] = stages;
const last: StageName = 'compress';

/**
 * @returns the run's manifest
 * @throws RUN_CORRUPT where `folder` holds no cut model; CONFIG_INVALID when `job` differs from the run's in what comes
 * before recovery
 */
export function refuseUnpruned(folder: string, job: Job): Manifest {
  const before = readManifest(folder);
  if (!existsSync(join(folder, `${last}.json`))) {
    throw new LoraShearError('RUN_CORRUPT', `${folder} holds no pruned model yet`, {
      hint: `prune first: \`lorashear-native prune ${folder}\`, or do all of it: \`lorashear-native run ${folder}\``,
      facts: { folder },
    });
  }
  const fixed = (of: Job) =>
    Object.fromEntries(Object.entries(of).filter(([key]) => !free.includes(key as keyof Job)));
  const other = differences(fixed(before.job), fixed(job));
  if (other.length === 0) return before;
  throw again(folder, `the model in ${folder} was pruned with another job: ${list(other)}`, {
    differs: other,
  });
}

/** The folder, which refuses to do anything up to the cut, and then is again as its manifest said `before`. */
export function afterCut(folder: RunFolder, before: Manifest): RunFolder {
  return {
    ...folder,
    async stage(name, inputs, work) {
      const early = order.indexOf(name) <= order.indexOf(last);
      if (!early || folder.stands(name, inputs)) return folder.stage(name, inputs, work);
      writeJson(folder.file(manifestName), before);
      const what = `stage ${name} of ${folder.path} was done with other settings, model or data`;
      throw again(folder.path, what, { stage: name });
    },
  };
}

function again(folder: string, message: string, facts: Record<string, unknown>): LoraShearError {
  return new LoraShearError('CONFIG_INVALID', message, {
    hint: `leave these settings and files as they were, or prune anew: \`lorashear-native run ${folder}\``,
    facts: { folder, ...facts },
  });
}
