// Finds libtorch or fetches it into the user cache: the whole order of design §0, safe when two processes do it at once.
import { rmSync, statfsSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { cacheFolder, type Environment, makeFolder, withLock } from './cache.js';
import { fetchWheels } from './fetch.js';
import type { LibtorchInfo } from './inspect.js';
import { fetchedFolder, locateLibtorch } from './locate.js';
import { currentPlatform, hasNvidiaDriver, requireGlibc } from './machine.js';
import { asStep, type OnSetupEvent } from './setup_event.js';
import { unpackWheels } from './unpack.js';
import { libtorchVersion, wheelsFor } from './wheels.js';

/**
 * A libtorch to build against: found, or else fetched.
 * @throws LIBTORCH_INVALID, LIBTORCH_NOT_FOUND, LIBTORCH_HASH_MISMATCH, SETUP_NO_PYTHON, SETUP_DOWNLOAD_FAILED,
 *   SETUP_CACHE_FAILED
 */
export async function ensureLibtorch(
  onEvent: OnSetupEvent,
  env: Environment = process.env,
): Promise<LibtorchInfo> {
  const found = await locateLibtorch(onEvent, env);
  if (found) return found;
  currentPlatform();
  requireGlibc();
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

  await asStep(onEvent, 'unpack', 'libraries and headers', () =>
    unpackWheels(
      paths.map((path, i) => ({ path, megabytes: wheels[i]?.megabytes ?? 0 })),
      fetchedFolder(device, env),
      device,
      onEvent,
    ),
  );
  for (const path of paths) rmSync(path);
}

function refuseFullDisk(megabytes: number, env: Environment): void {
  const folder = cacheFolder(env);
  makeFolder(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 1e6;
  if (free >= megabytes) return;
  throw new LoraShearError(
    'SETUP_CACHE_FAILED',
    `libtorch needs ${(megabytes / 1000).toFixed(1)} GB in ${folder}, ${(free / 1000).toFixed(1)} GB are free`,
    {
      hint: 'free some space, or set LORASHEAR_CACHE to a folder on another disk',
      facts: { folder, neededMegabytes: megabytes, freeMegabytes: Math.floor(free) },
    },
  );
}
