// Finds libtorch or fetches it into the user cache: the whole order of design §0, safe when two processes do it at once.
import { mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readdirSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { cacheFolder, type Environment, makeFolder, withLock } from './cache.js';
import { fetchWheels } from './fetch.js';
import { type LibtorchInfo, type Manifest, manifestName } from './inspect.js';
import { fetchedFolder, locateLibtorch } from './locate.js';
import { currentPlatform, hasNvidiaDriver } from './machine.js';
import { asStep, type OnSetupEvent } from './setup_event.js';
import { unpackWheel } from './unpack.js';
import { libtorchVersion, wheelsFor } from './wheels.js';

/**
 * A libtorch to build against: found, or else fetched.
 * @throws LIBTORCH_INVALID, LIBTORCH_NOT_FOUND, LIBTORCH_HASH_MISMATCH, SETUP_NO_PYTHON, SETUP_DOWNLOAD_FAILED
 */
export async function ensureLibtorch(
  onEvent: OnSetupEvent,
  env: Environment = process.env,
): Promise<LibtorchInfo> {
  const found = await locateLibtorch(onEvent, env);
  if (found) return found;
  currentPlatform();
  return withLock(
    'libtorch',
    onEvent,
    async () => {
      const meanwhile = await locateLibtorch(() => undefined, env);
      if (meanwhile) return meanwhile;
      await fetchLibtorch(onEvent, env);
      const fetched = await locateLibtorch(onEvent, env);
      if (fetched) return fetched;
      throw new LoraShearError('LIBTORCH_NOT_FOUND', 'the fetched libtorch does not serve', {
        hint: `remove ${fetchedFolder(hasNvidiaDriver() ? 'cuda' : 'cpu', env)} and run setup again`,
      });
    },
    env,
  );
}

async function fetchLibtorch(onEvent: OnSetupEvent, env: Environment): Promise<void> {
  const platform = currentPlatform();
  const device = hasNvidiaDriver() ? 'cuda' : 'cpu';
  const wheels = wheelsFor(platform, device);
  const megabytes = wheels.reduce((sum, wheel) => sum + wheel.megabytes, 0);
  refuseFullDisk(megabytes * 2, env);

  const what = `libtorch ${libtorchVersion} (${device} set, ${Math.round(megabytes)} MB)`;
  const paths = await asStep(onEvent, 'download', what, () =>
    fetchWheels(wheels, platform, onEvent, env),
  );

  const folder = fetchedFolder(device, env);
  makeFolder(dirname(folder));
  removeLeftovers(folder);
  const beside = `${folder}.partial-${process.pid}`;
  await asStep(onEvent, 'unpack', 'libraries and headers', async () => {
    try {
      const manifest: Manifest = {
        version: libtorchVersion,
        wheels: paths.map((path) => basename(path)),
        libraries: {},
      };
      mkdirSync(beside, { recursive: true });
      let before = 0;
      const total = megabytes * 1e6;
      for (const [index, path] of paths.entries()) {
        const written = await unpackWheel(path, beside, device, (bytes) => {
          const done = Math.min(before + bytes, total);
          onEvent({ kind: 'progress', step: 'unpack', done, total, unit: 'bytes' });
        });
        Object.assign(manifest.libraries, written);
        before += (wheels[index]?.megabytes ?? 0) * 1e6;
      }
      writeFileSync(join(beside, manifestName), JSON.stringify(manifest, null, 2));
      rmSync(folder, { recursive: true, force: true });
      renameSync(beside, folder);
    } catch (thrown) {
      rmSync(beside, { recursive: true, force: true });
      throw asSetupError(thrown);
    }
  });
  for (const path of paths) rmSync(path);
}

/** What a killed set-up left beside; the caller holds the lock, so nobody is writing there. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    if (name.includes('.partial-'))
      rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}

function refuseFullDisk(megabytes: number, env: Environment): void {
  const folder = cacheFolder(env);
  makeFolder(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 1e6;
  if (free >= megabytes) return;
  throw new LoraShearError(
    'SETUP_DOWNLOAD_FAILED',
    `libtorch needs ${(megabytes / 1000).toFixed(1)} GB in ${folder}, ${(free / 1000).toFixed(1)} GB are free`,
    {
      hint: 'free some space, or set LORASHEAR_CACHE to a folder on another disk',
      facts: { folder, neededMegabytes: megabytes, freeMegabytes: Math.floor(free) },
    },
  );
}

function asSetupError(thrown: unknown): unknown {
  if (thrown instanceof LoraShearError || !(thrown instanceof Error)) return thrown;
  return new LoraShearError(
    'SETUP_DOWNLOAD_FAILED',
    `libtorch could not be unpacked: ${thrown.message}`,
    {
      hint: 'free some space, or set LORASHEAR_CACHE to a folder on another disk; then run `npx lorashear-native setup`',
      cause: thrown,
    },
  );
}
