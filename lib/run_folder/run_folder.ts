// Where a run keeps what it knows: a manifest, one artefact for each stage, metrics, checkpoints (design §1, 24).
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { writeFailure } from '../checkpoint/durable_file.js';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import { type RunEvent, type StageName, stages } from '../events.js';
import { writeJson } from './atomic_write.js';
import { hashOf } from './canonical_json.js';
import { type InputFile, inputFiles } from './input_files.js';
import { releaseLock, takeLock } from './lock.js';
import {
  currentSession,
  type Manifest,
  manifestName,
  readManifest,
  type Runtime,
} from './manifest.js';
import { refuseOther } from './refuse_other.js';
import { readArtefact, type Timings } from './artefact_file.js';

export const metricsName = 'metrics.jsonl';

export interface RunFolder {
  readonly path: string;
  readonly manifest: Manifest;
  /**
   * The value of stage `name`: computed by `work` and written to `<name>.json`, or read from there when an
   * earlier session wrote it from the same `inputs` after the same stages. Emits stage-start and stage-end.
   * The value must be plain JSON, and the same on every machine; what was timed goes to `timings`.
   * @throws RUN_CORRUPT when the artefact is not readable, and what `work` throws
   */
  stage<T>(
    name: StageName,
    inputs: unknown,
    work: (timings: Timings) => T | Promise<T>,
  ): Promise<T>;
  /** Whether {@link stage} would read `name` instead of computing it. */
  stands(name: StageName, inputs: unknown): boolean;
  /** Folder for the resumable state of a stage; exists when this returns. */
  checkpointDir(stage: StageName): string;
  /** Appends one line to metrics.jsonl. */
  metric(event: Extract<RunEvent, { type: 'metric' }>): void;
  /** Full path of a file or folder of the run. */
  file(name: string): string;
  /** Removes the folder if no stage of it has ended: a job refused at the start leaves nothing in its way. */
  discardUnstarted(): void;
  /** Gives the folder free for other processes. */
  close(): void;
}

export interface OpenOptions {
  /** Go on with the run in the folder instead of starting one. */
  resume?: boolean | undefined;
  /** Go on with the run in the folder as this job: stages whose inputs are other than they were are repeated. */
  amend?: boolean | undefined;
  /** As typed, for the manifest. */
  command?: string | undefined;
  runtime?: Runtime | null | undefined;
  emit?: ((event: RunEvent) => void) | undefined;
  /** Throws when the user asked to stop. */
  checkpoint?: (() => void) | undefined;
  /** Name that holds the lock; whoever knows it can release the lock of a dead thread. */
  owner?: string | undefined;
}

/**
 * Opens the run folder `path` for `job`: a new or empty one, or with `resume` that of the same job.
 * Nothing is written before the job's model and data were read and found to be there.
 * @throws OUTPUT_OCCUPIED for a folder of another job, a foreign one, one in use, or changed inputs;
 * OUTPUT_FAILED when the disk refuses; RUN_CORRUPT; and what {@link inputFiles} throws
 */
export async function openRunFolder(
  path: string,
  job: Job,
  options: OpenOptions = {},
): Promise<RunFolder> {
  const { command = 'run', runtime = null, owner = randomUUID(), amend = false } = options;
  const resume = amend || options.resume === true;
  const folder = resolve(path);
  const before = resume ? readManifest(folder) : undefined;
  if (!amend) refuseOther(folder, job, before);
  const files = await inputFiles(job, options.checkpoint);
  if (before && !amend) refuseChanged(folder, before.files, files);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (thrown) {
    throw writeFailure(folder, thrown);
  }
  takeLock(folder, owner);
  try {
    const session = currentSession(command, runtime);
    if (before) warnOfChanges(before, session, options.emit);
    const manifest: Manifest = before
      ? { ...before, ...(amend ? { job, files } : {}), resumes: [...before.resumes, session] }
      : { format: 1, job, files, start: session, resumes: [] };
    writeJson(join(folder, manifestName), manifest);
    dropPartialLine(join(folder, metricsName));
    dropHalfWritten(folder);
    return runFolder(folder, manifest, owner, options.emit ?? (() => undefined));
  } catch (thrown) {
    releaseLock(folder, owner);
    throw thrown;
  }
}

function runFolder(
  folder: string,
  manifest: Manifest,
  owner: string,
  emit: (event: RunEvent) => void,
): RunFolder {
  // The stage that reads the instructions has them in its inputs: pruning does not depend on them.
  const contents = manifest.files
    .filter(({ role }) => role !== 'instructions')
    .map(({ role, sha256 }) => [role, sha256]);
  /** Hash of everything before the next stage. */
  let chain = hashOf(contents);
  const hashOfStage = (name: StageName, inputs: unknown) => hashOf({ chain, name, inputs });
  return {
    path: folder,
    manifest,
    async stage<T>(
      name: StageName,
      inputs: unknown,
      work: (timings: Timings) => T | Promise<T>,
    ): Promise<T> {
      const inputHash = hashOfStage(name, inputs);
      chain = inputHash;
      const start = performance.now();
      const end = () => {
        emit({ type: 'stage-end', stage: name, seconds: (performance.now() - start) / 1000 });
      };
      const standing = readArtefact<T>(folder, name);
      if (standing?.inputHash === inputHash) {
        emit({ type: 'stage-start', stage: name, reused: true });
        end();
        return standing.value;
      }
      emit({ type: 'stage-start', stage: name, reused: false });
      dropOtherState(join(folder, 'checkpoints', name), inputHash);
      const timings: Timings = {};
      const value = await work(timings);
      const seconds = (performance.now() - start) / 1000;
      const timed = Object.keys(timings).length > 0 ? { timings } : {};
      const artefact = { stage: name, inputHash, seconds, ...timed, value };
      writeJson(join(folder, `${name}.json`), artefact);
      end();
      return value;
    },
    stands: (name, inputs) => readArtefact(folder, name)?.inputHash === hashOfStage(name, inputs),
    discardUnstarted() {
      if (!existsSync(join(folder, `${stages[0]}.json`))) {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    checkpointDir(stage) {
      const dir = join(folder, 'checkpoints', stage);
      try {
        mkdirSync(dir, { recursive: true });
      } catch (thrown) {
        throw writeFailure(dir, thrown);
      }
      return dir;
    },
    metric({ stage, step, values }) {
      const path = join(folder, metricsName);
      try {
        appendFileSync(path, `${JSON.stringify({ stage, step, ...values })}\n`);
      } catch (thrown) {
        throw writeFailure(path, thrown);
      }
    },
    file: (name) => join(folder, name),
    close: () => releaseLock(folder, owner),
  };
}

/** What an earlier session of a stage left is gone on with only if it had the same inputs. */
function dropOtherState(dir: string, inputHash: string): void {
  if (!existsSync(dir)) return;
  const path = join(dir, 'inputs.json');
  const before = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as { inputHash: string }).inputHash
    : inputHash;
  if (before !== inputHash) {
    for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
  }
  writeJson(path, { inputHash });
}

/** Model and data must be what the run began with. */
function refuseChanged(folder: string, before: InputFile[], now: InputFile[]): void {
  const hashes = (files: InputFile[]) => new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const [old, current] = [hashes(before), hashes(now)];
  const changed = [...new Set([...old.keys(), ...current.keys()])].filter(
    (path) => old.get(path) !== current.get(path),
  );
  if (changed.length === 0) return;
  throw new LoraShearError(
    'OUTPUT_OCCUPIED',
    `the run in ${folder} was made from other content of ${changed.join(', ')}`,
    {
      hint: 'restore these files to go on, or start a new run with another --output',
      facts: { folder, changed },
    },
  );
}

/** Another libtorch or number of threads may change the last bits of what is computed from here on. */
function warnOfChanges(
  { start, resumes }: Manifest,
  now: Manifest['start'],
  emit: OpenOptions['emit'],
): void {
  const last = resumes.at(-1) ?? start;
  const facts = (s: Manifest['start']) => ({
    package: s.versions.package,
    libtorch: s.versions.libtorch,
    threads: s.machine.threads,
    capability: s.machine.capability,
  });
  const [was, is] = [facts(last), facts(now)];
  const changed = (Object.keys(is) as (keyof typeof is)[]).filter((key) => was[key] !== is[key]);
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} ${was[key] ?? 'unknown'} → ${is[key] ?? 'unknown'}`);
  const message = `resumed with ${list.join(', ')}: the result may differ in its last bits`;
  emit?.({ type: 'warning', message });
}

/** A kill in the middle of a write leaves what would have taken a name next, and nobody else writes here. */
function dropHalfWritten(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    if (/^\..*\.former$|\.(partial|tmp)$/.test(basename(path))) {
      rmSync(join(folder, path), { recursive: true, force: true });
    }
  }
}

/** A kill in the middle of an append leaves half a line. */
function dropPartialLine(path: string): void {
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(path, end);
}
