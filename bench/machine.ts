// Facts of the machine that a result needs to be read later, elsewhere.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './result.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

export type Hardware = Pick<
  Machine,
  'cpu' | 'cores' | 'caches' | 'memoryBytes' | 'gpu' | 'system' | 'version' | 'commit'
>;

export function hardware(): Hardware {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    caches: caches(),
    memoryBytes: totalmem(),
    gpu: output('nvidia-smi', [
      '--query-gpu=name,driver_version,memory.total',
      '--format=csv,noheader',
    ]),
    system: `${type()} ${release()}`,
    version: version(),
    commit: commit(),
  };
}

/** Level, kind and size of each cache of the first core. */
function caches(): string[] {
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  if (!existsSync(folder)) return [];
  const read = (cache: string, name: string): string =>
    readFileSync(join(folder, cache, name), 'utf8').trim();
  const suffix: Partial<Record<string, string>> = { Data: 'd', Instruction: 'i' };
  return readdirSync(folder)
    .filter((name) => name.startsWith('index'))
    .map(
      (cache) =>
        `L${read(cache, 'level')}${suffix[read(cache, 'type')] ?? ''} ${read(cache, 'size')}`,
    );
}

/** The package's. */
function version(): string {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The commit's short name, with `+` when the working tree differs; `unknown` outside a clone. */
function commit(): string {
  const name = output('git', ['-C', root, 'rev-parse', '--short', 'HEAD']);
  if (name === null) return 'unknown';
  return output('git', ['-C', root, 'status', '--porcelain', '-uno']) === null ? name : `${name}+`;
}

/** What a program prints; null when it is absent, fails or prints nothing. */
function output(program: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : null;
}
