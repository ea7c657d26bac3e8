// The user cache that all clones and installs share: libtorch, built addons, downloads, and the locks on them.
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { LoraShearError } from '../errors.js';
import type { OnSetupEvent } from './setup_event.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `LORASHEAR_CACHE`, else `lorashear-native` in `XDG_CACHE_HOME` or `~/.cache`. */
export function cacheFolder(env: Environment = process.env): string {
  if (env['LORASHEAR_CACHE']) return resolve(env['LORASHEAR_CACHE']);
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'lorashear-native');
}

/** A lock whose owner has not renewed it for this long (ms) belongs to a process that was killed. */
const staleAfter = 20_000;

/**
 * Runs `work` while no other process holds the lock `name` of the cache.
 * @throws SETUP_CACHE_FAILED when the cache folder cannot be written
 */
export async function withLock<T>(
  name: string,
  onEvent: OnSetupEvent,
  work: () => Promise<T>,
  env: Environment = process.env,
): Promise<T> {
  const path = join(cacheFolder(env), 'locks', name);
  makeFolder(dirname(path));
  let waiting = false;
  for (;;) {
    try {
      const release = await lockfile.lock(path, {
        realpath: false,
        stale: staleAfter,
        onCompromised: (error) => {
          onEvent({ kind: 'note', text: `the lock on ${name} was lost: ${error.message}` });
        },
      });
      try {
        return await work();
      } finally {
        await release();
      }
    } catch (thrown) {
      if (!isLocked(thrown)) throw cacheError(thrown, path);
      if (!waiting) {
        onEvent({ kind: 'step', step: 'wait', text: `another process is setting up ${name}` });
      }
      waiting = true;
      await sleep(500);
    }
  }
}

function isLocked(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === 'ELOCKED';
}

/** What the file system answers when the cache cannot be written. */
const refusals = new Set([
  ...['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO'],
  ...['ENOTDIR', 'EEXIST', 'EISDIR', 'ENAMETOOLONG'],
]);

/** A refusal of the file system as SETUP_CACHE_FAILED with the way out; anything else as it is. */
export function cacheError(thrown: unknown, path: string): unknown {
  if (thrown instanceof LoraShearError || !(thrown instanceof Error)) return thrown;
  const { code = '', message } = thrown as NodeJS.ErrnoException;
  return refusals.has(code) ? refusal(code, message, path, thrown) : thrown;
}

function refusal(code: string, message: string, path: string, cause: unknown): LoraShearError {
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const hint = isFull
    ? 'free some space, or set LORASHEAR_CACHE to a folder on another disk'
    : 'set LORASHEAR_CACHE to a folder that you can write to';
  const facts = { path, reason: code };
  return new LoraShearError('SETUP_CACHE_FAILED', `the cache cannot be written: ${message}`, {
    hint,
    facts,
    cause,
  });
}

/** Creates a folder of the cache. @throws SETUP_CACHE_FAILED when that is not allowed */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (thrown) {
    // Below a read-only mount Node says ENOENT.
    const { code = '', message } = thrown as NodeJS.ErrnoException;
    throw refusal(code, message, folder, thrown);
  }
}

/**
 * Writes a small file atomically: beside it, to the disk, then renamed.
 * @throws SETUP_CACHE_FAILED when that is not allowed or the disk is full
 */
export function writeAtomically(path: string, text: string): void {
  makeFolder(dirname(path));
  const beside = `${path}.${process.pid}`;
  try {
    const file = openSync(beside, 'w');
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw cacheError(thrown, path);
  }
}
