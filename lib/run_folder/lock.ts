// One process at a time in a run folder. A file names its holder, so that a busy holder need not renew anything,
// and a killed one is known to be gone.
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeFailure } from '../checkpoint/durable_file.js';
import { LoraShearError } from '../errors.js';

export const lockName = '.lock';

interface Holder {
  /** Who may release it. */
  owner: string;
  pid: number;
  host: string;
  /** Tells a living process from another one with a pid that was used again, also after a boot. */
  started: string;
}

/**
 * Takes the lock of `folder` for `owner`, a name that nobody else uses.
 * @throws OUTPUT_OCCUPIED while another run holds it, OUTPUT_FAILED when it cannot be written
 */
export function takeLock(folder: string, owner: string): void {
  const path = join(folder, lockName);
  const mine: Holder = { owner, pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const beside = join(folder, `.lock.${owner}`);
  try {
    writeFileSync(beside, JSON.stringify(mine));
    for (let attempt = 0; attempt < 3; attempt++) {
      if (link(beside, path)) return;
      const holder = readHolder(path);
      if (holder && isAlive(holder)) throw occupied(folder, path, holder);
      rmSync(path, { force: true });
    }
    throw occupied(folder, path, readHolder(path));
  } catch (thrown) {
    throw thrown instanceof LoraShearError ? thrown : writeFailure(path, thrown);
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Gives the lock back if `owner` holds it; does nothing otherwise. */
export function releaseLock(folder: string, owner: string): void {
  const path = join(folder, lockName);
  if (readHolder(path)?.owner === owner) rmSync(path, { force: true });
}

/** A hard link fails if the name is taken, and the file is complete from its first moment. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** A holder on another machine cannot be looked at and counts as alive. */
function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  const now = startOf(pid);
  return now !== '' && now === started;
}

/** Boot and start time of a process, '' when there is none (proc(5): /proc/PID/stat field 22). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}

function occupied(folder: string, path: string, holder: Holder | undefined): LoraShearError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
  return new LoraShearError('OUTPUT_OCCUPIED', `${who} is running in ${folder}`, {
    hint: `wait for it or stop it; if it is surely gone, remove ${path}`,
    facts: { folder, lock: path, ...(holder ? { pid: holder.pid, host: holder.host } : {}) },
  });
}
