// Whether a folder may be the output of a job: new, empty, or the same run that goes on; everything else is left alone.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import { differences } from './canonical_json.js';
import { lockName } from './lock.js';
import { type Manifest, manifestName, readManifest } from './manifest.js';

/**
 * @param resumed the folder's manifest when the run is to go on, else undefined
 * @throws OUTPUT_OCCUPIED saying what is there and what to do; OUTPUT_FAILED when the path is a file
 */
export function refuseOther(folder: string, job: Job, resumed: Manifest | undefined): void {
  if (resumed) {
    const other = differences(facts(resumed.job), facts(job));
    if (other.length === 0) return;
    throw occupied(folder, `the run in ${folder} is of another job: ${list(other)}`, {
      hint: 'resume it without other settings, or start a new run with another --output',
      differs: other,
    });
  }
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) {
    throw new LoraShearError('OUTPUT_FAILED', `${folder} is a file, not a folder`, {
      hint: 'give another --output',
      facts: { folder },
    });
  }
  // What a killed start may have left, before there was a run.
  const names = readdirSync(folder).filter(
    (name) => !name.startsWith(lockName) && !/^\..*\.partial$/.test(name),
  );
  if (names.length === 0) return;
  if (!existsSync(join(folder, manifestName))) {
    throw occupied(folder, `${folder} is not empty: it holds ${some(names)}`, {
      hint: 'give another --output, or empty the folder',
    });
  }
  const other = differences(facts(readManifest(folder).job), facts(job));
  if (other.length > 0) {
    throw occupied(folder, `${folder} holds the run of another job: ${list(other)}`, {
      hint: `give another --output, or remove the folder`,
      differs: other,
    });
  }
  const resume = `lorashear-native run --resume ${folder}`;
  throw occupied(folder, `${folder} already holds a run of this job`, {
    hint: hasEnded(folder)
      ? 'it is finished: give another --output, or remove the folder to repeat it'
      : `go on with \`${resume}\`, give another --output, or remove the folder`,
  });
}

/** A report may also have been made on the way, and then says what is missing. */
function hasEnded(folder: string): boolean {
  const path = join(folder, 'report.json');
  if (!existsSync(path)) return false;
  try {
    const { value } = JSON.parse(readFileSync(path, 'utf8')) as { value?: { missing?: unknown[] } };
    return (value?.missing ?? []).length === 0;
  } catch {
    return false;
  }
}

/** What a run may be resumed with: everything but where its folder lies now. */
function facts({ output: _, ...job }: Job): Omit<Job, 'output'> {
  return job;
}

/** The first of {@link differences} in words. */
export function list(other: { path: string; a: unknown; b: unknown }[]): string {
  const first = other
    .slice(0, 5)
    .map(({ path, a, b }) => `${path} is ${text(a)} there, ${text(b)} here`);
  return [...first, ...(other.length > 5 ? [`${other.length - 5} more`] : [])].join('; ');
}

const text = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value));

function some(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return names.slice(0, 3).join(', ') + more;
}

function occupied(
  folder: string,
  message: string,
  { hint, differs }: { hint: string; differs?: unknown },
): LoraShearError {
  const facts = { folder, ...(differs === undefined ? {} : { differs }) };
  return new LoraShearError('OUTPUT_OCCUPIED', message, { hint, facts });
}
