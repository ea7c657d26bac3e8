// One stage's artefact on disk: its value, and the hash of what it was made from.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';
import type { StageName } from '../events.js';

/** What a part of a stage's work took on this machine, by its name; no part of the value, which is the same anywhere. */
export type Timings = Record<string, { tokens: number; seconds: number }>;

export interface ArtefactFile<T> {
  stage: StageName;
  /** Hash of the inputs, and of all stages before. */
  inputHash: string;
  /** How long the stage took; after a resume, its last session. */
  seconds: number;
  timings?: Timings;
  value: T;
}

/**
 * `<stage>.json` of a run folder, or undefined when the stage has not ended.
 * @throws RUN_CORRUPT when the file is damaged
 */
export function readArtefact<T>(folder: string, stage: StageName): ArtefactFile<T> | undefined {
  const path = join(folder, `${stage}.json`);
  if (!existsSync(path)) return undefined;
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Partial<ArtefactFile<T>>;
    if (read.stage === stage && typeof read.inputHash === 'string' && 'value' in read) {
      return read as ArtefactFile<T>;
    }
  } catch {
    // falls through to the one error below
  }
  throw new LoraShearError('RUN_CORRUPT', `${path} is damaged`, {
    hint: `remove it and go on with \`lorashear-native run --resume ${folder}\`: the stage is computed again`,
    facts: { path, stage },
  });
}
