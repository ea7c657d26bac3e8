// Downloads pinned wheels by pip, by name and hash, into the cache's downloads folder; what has come is kept for a next try.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LoraShearError } from '../errors.js';
import { bytesBelow } from './bytes_below.js';
import { cacheError, cacheFolder, type Environment, makeFolder } from './cache.js';
import { findPython } from './machine.js';
import { partialVariable, resumablePip } from './resumable_pip.js';
import type { OnSetupEvent } from './setup_event.js';
import { type Platform, pipPlatforms, type Wheel } from './wheels.js';

/** Where finished wheels wait until they are unpacked; wheels put here by hand are taken too. */
export function downloadsFolder(env: Environment = process.env): string {
  return join(cacheFolder(env), 'downloads');
}

/**
 * Gets every wheel, whole and with the pinned hash.
 * @returns their paths, in the order of `wheels`
 * @throws SETUP_NO_PYTHON without pip, SETUP_DOWNLOAD_FAILED, SETUP_CACHE_FAILED, LIBTORCH_HASH_MISMATCH
 */
export async function fetchWheels(
  wheels: readonly Wheel[],
  platform: Platform,
  onEvent: OnSetupEvent,
  env: Environment = process.env,
): Promise<string[]> {
  const folder = downloadsFolder(env);
  makeFolder(folder);
  const parts = new Set(wheels.map((wheel) => partialName(wheel)));
  for (const name of readdirSync(folder)) {
    const isLeftOver = name.startsWith('tmp-') || (name.endsWith('.part') && !parts.has(name));
    if (isLeftOver) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const total = wheels.reduce((sum, { megabytes }) => sum + megabytes * 1e6, 0);
  let before = 0;
  const paths: string[] = [];
  for (const wheel of wheels) {
    const tell = (done: number) => {
      onEvent({ kind: 'progress', step: 'download', done: before + done, total, unit: 'bytes' });
    };
    const path =
      (await finishedWheel(wheel, folder, onEvent)) ??
      (await resumeOrDownload(wheel, platform, folder, { tell, onEvent }, env));
    paths.push(path);
    before += wheel.megabytes * 1e6;
    tell(0);
  }
  return paths;
}

/** A wheel of an earlier try or put there by hand, if its hash is right; a wrong one is removed. */
async function finishedWheel(
  wheel: Wheel,
  folder: string,
  onEvent: OnSetupEvent,
): Promise<string | undefined> {
  const prefix = `${wheel.name.replaceAll('-', '_')}-${wheel.version}-`;
  for (const name of readdirSync(folder).filter((file) => file.startsWith(prefix))) {
    const path = join(folder, name);
    if ((await sha256(path)) === wheel.sha256) return path;
    onEvent({ kind: 'note', text: `${path} is not the pinned wheel; removed` });
    rmSync(path);
  }
  return undefined;
}

/** Where the beginning of a wheel waits for its rest; its name holds the hash, so that a new pin begins anew. */
function partialName({ name, version, sha256 }: Wheel): string {
  return `${name}-${version}.${sha256.slice(0, 12)}.part`;
}

interface Listeners {
  tell: (bytes: number) => void;
  onEvent: OnSetupEvent;
}

/** Goes on with what a killed download left; if that gives another file than the pinned one, fetches all of it, once. */
async function resumeOrDownload(
  wheel: Wheel,
  platform: Platform,
  folder: string,
  { tell, onEvent }: Listeners,
  env: Environment,
): Promise<string> {
  const partial = join(folder, partialName(wheel));
  const label = `${wheel.name} ${wheel.version}`;
  const have = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  if (have > 0) {
    const megabytes = (have / 1e6).toFixed(1);
    onEvent({ kind: 'note', text: `${label} goes on after the ${megabytes} MB of an earlier try` });
    try {
      return await download(wheel, platform, folder, tell, env);
    } catch (thrown) {
      const isWrong = thrown instanceof LoraShearError && thrown.code === 'LIBTORCH_HASH_MISMATCH';
      if (!isWrong) throw thrown;
      const text = `what an earlier try left of ${label} was no beginning of it; fetching all of it`;
      onEvent({ kind: 'note', text });
    }
  }
  return download(wheel, platform, folder, tell, env);
}

async function download(
  wheel: Wheel,
  platform: Platform,
  folder: string,
  tell: (bytes: number) => void,
  env: Environment,
): Promise<string> {
  const python = findPython(env);
  if (!python) throw noPython('no python3 in PATH');
  const partial = join(folder, partialName(wheel));
  // pip also writes into TMPDIR: a folder of our own is removed whatever happens.
  const work = join(folder, `tmp-${process.pid}`);
  const out = join(work, 'out');
  const watch = setInterval(() => {
    const done = Math.max(bytesBelow(partial), bytesBelow(work));
    tell(Math.min(done, wheel.megabytes * 1e6));
  }, 200);
  try {
    mkdirSync(out, { recursive: true });
    const pinned = `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`;
    writeFileSync(join(work, 'requirements.txt'), pinned);
    const { code, log } = await runPip(python, platform, { work, partial }, env);
    const [name] = readdirSync(out);
    if (code !== 0 || name === undefined) throw downloadError(wheel, log);
    const found = await sha256(join(out, name));
    if (found !== wheel.sha256) throw hashMismatch(wheel, found);
    renameSync(join(out, name), join(folder, name));
    rmSync(partial, { force: true }); // a pip that does not resume left it
    return join(folder, name);
  } catch (thrown) {
    throw cacheError(thrown, folder);
  } finally {
    clearInterval(watch);
    rmSync(work, { recursive: true, force: true });
  }
}

/** pip's own configuration (index, proxy, certificates) is honoured; its cache is not filled with half a gigabyte. */
function runPip(
  python: string,
  platform: Platform,
  { work, partial }: { work: string; partial: string },
  env: Environment,
): Promise<{ code: number | null; log: string }> {
  const args = ['-c', resumablePip, 'download', '--no-deps', '--only-binary=:all:'];
  args.push('--require-hashes');
  args.push('--python-version', '3.12', '--implementation', 'cp');
  for (const tag of pipPlatforms(platform)) args.push('--platform', tag);
  args.push('--no-cache-dir', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off');
  args.push('-d', join(work, 'out'), '-r', join(work, 'requirements.txt'));
  return new Promise((resolve, reject) => {
    const pip = spawn(python, args, {
      env: { ...env, TMPDIR: work, [partialVariable]: partial },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    const collect = (chunk: Buffer) => (log += chunk.toString());
    pip.stdout.on('data', collect);
    pip.stderr.on('data', collect);
    pip.on('error', reject);
    pip.on('close', (code) => {
      resolve({ code, log });
    });
  });
}

function downloadError(wheel: Wheel, log: string): LoraShearError {
  if (/No module named '?pip\b/.test(log)) throw noPython('this Python has no pip');
  const got = /Got\s+([0-9a-f]{64})/.exec(log)?.[1];
  if (got !== undefined || log.includes('DO NOT MATCH THE HASHES')) return hashMismatch(wheel, got);
  const tail = log.trim().split('\n').slice(-6).join('\n');
  if (log.includes('No space left on device')) {
    return new LoraShearError('SETUP_CACHE_FAILED', `the disk is full: ${tail}`, {
      hint: 'free some space, or set LORASHEAR_CACHE to a folder on another disk',
      facts: { wheel: wheel.name, reason: 'ENOSPC' },
    });
  }
  return new LoraShearError(
    'SETUP_DOWNLOAD_FAILED',
    `pip could not download ${wheel.name} ${wheel.version}: ${tail}`,
    {
      hint:
        'check the network (pip reads its proxy and index from its own settings); without one, set LORASHEAR_LIBTORCH ' +
        `to a libtorch folder, or copy the wheels of ${wheel.name}==${wheel.version} into the downloads folder of the cache`,
      facts: { wheel: wheel.name, version: wheel.version },
    },
  );
}

function hashMismatch(wheel: Wheel, found: string | undefined): LoraShearError {
  return new LoraShearError(
    'LIBTORCH_HASH_MISMATCH',
    `the downloaded ${wheel.name} ${wheel.version} has another SHA-256 than the pinned one`,
    {
      hint: 'the index or a proxy served another file; check pip’s index-url, then run `npx lorashear-native setup` again',
      facts: { wheel: wheel.name, expected: wheel.sha256, found },
    },
  );
}

function noPython(what: string): LoraShearError {
  return new LoraShearError('SETUP_NO_PYTHON', `libtorch is fetched by pip, but ${what}`, {
    hint: 'install python3 with pip (Debian: `apt-get install python3-pip`), or set LORASHEAR_LIBTORCH to a libtorch folder',
  });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
