// A child process that measures: one JSON line asks, one JSON line answers; ours and the peers' speak alike.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LoraShearError } from '../lib/errors.js';
import type { Budget, Checks, Measurement, Parameters } from './suite.js';

/** What can be asked; the answer's type follows. */
export type Request =
  | { readonly do: 'facts' }
  | { readonly do: 'rates' }
  | { readonly do: 'bandwidth'; readonly footprint: number }
  | { readonly do: 'prepare'; readonly case: string; readonly parameters: Parameters }
  | { readonly do: 'check'; readonly form: string }
  | ({ readonly do: 'measure'; readonly form: string } & Budget)
  | { readonly do: 'profile'; readonly file: string }
  | { readonly do: 'drop' };

/** Versions and settings that the process itself sees. */
export type Facts = Readonly<Record<string, string | number | null>>;
/** Bytes a second of a copy from array to array, and of a change in place. */
export interface Bandwidths {
  readonly copy: number;
  readonly inPlace: number;
}
/** Bandwidths in bytes a second, GEMM rates in FLOP a second. */
export interface Rates extends Bandwidths {
  readonly read: number;
  readonly gemmFloat32: number;
  readonly gemmBfloat16: number;
}

export interface MeasuringProcess {
  facts(): Promise<Facts>;
  rates(): Promise<Rates>;
  /** As they are now, on data of `footprint` bytes. */
  bandwidth(footprint: number): Promise<Bandwidths>;
  prepare(name: string, parameters: Parameters): Promise<void>;
  check(form: string): Promise<Checks>;
  measure(form: string, budget: Budget): Promise<Measurement>;
  /** Writes a Chrome trace of one call; the number of calls in it, 0 and no file where the work is another process's. */
  profile(file: string): Promise<number>;
  drop(): Promise<void>;
  close(): Promise<void>;
}

/** Lines of standard error kept for an error message. */
const keptErrorBytes = 2000;

/**
 * Starts `command`; it must answer every line of standard input with one JSON line `{ok}` or `{error}`.
 * @throws NATIVE_FAILURE (from each question) when the process ends, or answers with an error
 */
export function startProcess(
  name: string,
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
): MeasuringProcess {
  const [program, ...args] = command;
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let errors = '';
  let ended: LoraShearError | undefined;
  const failed = (what: string): LoraShearError =>
    new LoraShearError('NATIVE_FAILURE', `${name}: ${what}`, {
      ...(errors.trim() === '' ? {} : { hint: errors.trim() }),
      facts: { process: name, command: command.join(' ') },
    });
  const end = (what: string): void => {
    ended ??= failed(what);
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-keptErrorBytes);
  });
  child.stdin.on('error', () => undefined); // the process has ended; 'close' says how
  child.on('error', (error) => end(`does not start: ${error.message}`));
  child.on('close', (code, signal) => end(`ended early (${signal ?? `exit code ${code ?? '?'}`})`));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const asked = waiting.shift();
    if (!asked) return;
    let answer: { ok?: unknown; error?: string };
    try {
      answer = JSON.parse(line) as typeof answer;
    } catch {
      asked.reject(failed(`answered with something else than JSON: ${line.slice(0, 200)}`));
      return;
    }
    if (answer.error === undefined) asked.resolve(answer.ok);
    else asked.reject(failed(answer.error));
  });
  const ask = <T>(request: Request): Promise<T> =>
    new Promise((resolve, reject) => {
      if (ended) {
        reject(ended);
        return;
      }
      waiting.push({ resolve: resolve as (value: unknown) => void, reject });
      child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  return {
    facts: () => ask({ do: 'facts' }),
    rates: () => ask({ do: 'rates' }),
    bandwidth: (footprint) => ask({ do: 'bandwidth', footprint }),
    prepare: (case_, parameters) => ask({ do: 'prepare', case: case_, parameters }),
    check: (form) => ask({ do: 'check', form }),
    measure: (form, budget) => ask({ do: 'measure', form, ...budget }),
    profile: (file) => ask({ do: 'profile', file }),
    drop: () => ask({ do: 'drop' }),
    close: () =>
      new Promise((resolve) => {
        if (ended) {
          resolve();
          return;
        }
        child.on('close', () => resolve());
        child.stdin.end();
      }),
  };
}
