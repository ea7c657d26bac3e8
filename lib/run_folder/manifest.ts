// manifest.json: from what, with what and where a run was made; enough to repeat it and to refuse another one.
import { existsSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import type { InputFile } from './input_files.js';

export const manifestName = 'manifest.json';

/** What libtorch says about itself; null where a folder is opened without it. */
export interface Runtime {
  libtorch: string;
  /** Vector instructions in use, for example `AVX512`. */
  capability: string;
  threads: number;
}

/** A start or a resume. */
export interface Session {
  /** ISO 8601, UTC. */
  at: string;
  /** As typed or as it would be typed. */
  command: string;
  versions: { package: string; node: string; libtorch: string | null };
  machine: {
    platform: string;
    cpu: string;
    cores: number;
    memoryBytes: number;
    threads: number | null;
    capability: string | null;
  };
}

export interface Manifest {
  format: 1;
  job: Job;
  files: InputFile[];
  start: Session;
  resumes: Session[];
}

/** The version in package.json. */
export function packageVersion(): string {
  const path = fileURLToPath(new URL('../../../package.json', import.meta.url));
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** This process, now. */
export function currentSession(command: string, runtime: Runtime | null): Session {
  return {
    at: new Date().toISOString(),
    command,
    versions: {
      package: packageVersion(),
      node: process.versions.node,
      libtorch: runtime?.libtorch ?? null,
    },
    machine: {
      platform: `${platform()} ${release()} ${arch()}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      threads: runtime?.threads ?? null,
      capability: runtime?.capability ?? null,
    },
  };
}

/**
 * The manifest of the run in `folder`.
 * @throws RUN_CORRUPT when there is none or it is damaged
 */
export function readManifest(folder: string): Manifest {
  const path = join(folder, manifestName);
  if (!existsSync(path)) {
    throw new LoraShearError('RUN_CORRUPT', `${folder} holds no run: it has no ${manifestName}`, {
      hint: 'give the folder of a run, or start one with `lorashear-native run --model DIR --source NAME=PATH`',
      facts: { folder },
    });
  }
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Partial<Manifest>;
    const { format, job, files, start, resumes } = read;
    if (format === 1 && job && start && Array.isArray(files) && Array.isArray(resumes)) {
      return { format, job, files, start, resumes };
    }
  } catch {
    // falls through to the one error below
  }
  throw new LoraShearError('RUN_CORRUPT', `${path} is damaged`, {
    hint: `restore it from a copy, or remove ${folder} and start the run again`,
    facts: { path },
  });
}
