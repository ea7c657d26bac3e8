// Downloads pinned wheels by pip, by name and hash, into the cache's downloads folder; whole wheels are kept for a next try.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LoraShearError } from '../errors.js';
import { cacheFolder, type Environment, makeFolder } from './cache.js';
import { findPython } from './machine.js';
import type { OnSetupEvent } from './setup_event.js';
import { type Platform, pipPlatforms, type Wheel } from './wheels.js';

/** Where finished wheels wait until they are unpacked; wheels put here by hand are taken too. */
export function downloadsFolder(env: Environment = process.env): string {
  return join(cacheFolder(env), 'downloads');
}

/**
 * Gets every wheel, whole and with the pinned hash.
 * @returns their paths, in the order of `wheels`
 * @throws SETUP_NO_PYTHON without pip, SETUP_DOWNLOAD_FAILED, LIBTORCH_HASH_MISMATCH
 */
export async function fetchWheels(
  wheels: readonly Wheel[],
  platform: Platform,
  onEvent: OnSetupEvent,
  env: Environment = process.env,
): Promise<string[]> {
  const folder = downloadsFolder(env);
  makeFolder(folder);
  for (const name of readdirSync(folder)) {
    if (name.startsWith('tmp-')) rmSync(join(folder, name), { recursive: true, force: true });
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
      (await download(wheel, platform, folder, tell, env));
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

async function download(
  wheel: Wheel,
  platform: Platform,
  folder: string,
  tell: (bytes: number) => void,
  env: Environment,
): Promise<string> {
  const python = findPython(env);
  if (!python) throw noPython('no python3 in PATH');
  // pip writes into TMPDIR while it downloads: a folder of our own shows how far it is, and is removed whatever happens.
  const work = join(folder, `tmp-${process.pid}`);
  const out = join(work, 'out');
  mkdirSync(out, { recursive: true });
  writeFileSync(
    join(work, 'requirements.txt'),
    `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`,
  );
  const watch = setInterval(() => {
    tell(Math.min(bytesBelow(work), wheel.megabytes * 1e6));
  }, 200);
  try {
    const { code, log } = await runPip(python, platform, work, env);
    const [name] = readdirSync(out);
    if (code !== 0 || name === undefined) throw downloadError(wheel, log);
    const found = await sha256(join(out, name));
    if (found !== wheel.sha256) throw hashMismatch(wheel, found);
    renameSync(join(out, name), join(folder, name));
    return join(folder, name);
  } finally {
    clearInterval(watch);
    rmSync(work, { recursive: true, force: true });
  }
}

/** pip's own configuration (index, proxy, certificates) is honoured; its cache is not filled with half a gigabyte. */
function runPip(
  python: string,
  platform: Platform,
  work: string,
  env: Environment,
): Promise<{ code: number | null; log: string }> {
  const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes'];
  args.push('--python-version', '3.12', '--implementation', 'cp');
  for (const tag of pipPlatforms(platform)) args.push('--platform', tag);
  args.push('--no-cache-dir', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off');
  args.push('-d', join(work, 'out'), '-r', join(work, 'requirements.txt'));
  return new Promise((resolve, reject) => {
    const pip = spawn(python, args, {
      env: { ...env, TMPDIR: work },
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
  if (log.includes('No module named pip')) throw noPython('this Python has no pip');
  const got = /Got\s+([0-9a-f]{64})/.exec(log)?.[1];
  if (got !== undefined || log.includes('DO NOT MATCH THE HASHES')) return hashMismatch(wheel, got);
  const tail = log.trim().split('\n').slice(-6).join('\n');
  const full = log.includes('No space left on device');
  return new LoraShearError(
    'SETUP_DOWNLOAD_FAILED',
    `pip could not download ${wheel.name} ${wheel.version}: ${tail}`,
    {
      hint: full
        ? 'free some space, or set LORASHEAR_CACHE to a folder on another disk'
        : 'check the network (pip reads its proxy and index from its own settings); without one, set LORASHEAR_LIBTORCH ' +
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

function bytesBelow(folder: string): number {
  if (!existsSync(folder)) return 0;
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const found = statSync(join(folder, entry), { throwIfNoEntry: false });
    if (found?.isFile()) sum += found.size;
  }
  return sum;
}
