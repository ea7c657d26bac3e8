// Where the addon of this version, libtorch and machine lies in the user cache; asks nobody, so it is fast.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, type Environment } from './cache.js';
import type { LibtorchInfo } from './inspect.js';
import { chosenLibtorch } from './locate.js';
import { findNvcc, hasNvidiaDriver } from './machine.js';
import type { Device } from './wheels.js';

/** Root of the installed package or clone: the folder of package.json, two above `dist/lib/`. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

export interface Addon {
  /** `lorashear.node`, whether it is built yet or not. */
  path: string;
  /** Hash of everything that the file depends on. */
  key: string;
  /** Whether libtorch_cuda is linked: only with a driver, as it costs memory and start-up time. */
  device: Device;
  /** nvcc that compiles our kernels, or none. */
  nvcc: string | undefined;
}

/** The addon that belongs to a libtorch. */
export function addonFor(libtorch: LibtorchInfo, env: Environment = process.env): Addon {
  const device: Device = libtorch.cuda && hasNvidiaDriver() ? 'cuda' : 'cpu';
  const nvcc = findNvcc(env);
  const hash = createHash('sha256');
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const circumstances = [version, libtorch.folder, libtorch.version, device, nvcc];
  hash.update(JSON.stringify([...circumstances, 'napi9', process.platform, process.arch]));
  for (const name of nativeSources()) {
    hash.update(`\0${name}\0`);
    hash.update(readFileSync(join(packageRoot, name)));
  }
  const key = hash.digest('hex').slice(0, 16);
  return { path: join(cacheFolder(env), 'addon', key, 'lorashear.node'), key, device, nvcc };
}

/**
 * Path of the built addon, or undefined when it (or a libtorch) has still to be set up.
 * @throws LIBTORCH_INVALID when LORASHEAR_LIBTORCH is set to a folder that does not serve
 */
export function addonPath(env: Environment = process.env): string | undefined {
  const libtorch = chosenLibtorch(env);
  if (!libtorch) return undefined;
  const { path } = addonFor(libtorch, env);
  return existsSync(path) ? path : undefined;
}

/** Every file that the build reads, relative to the package, sorted. */
function nativeSources(): string[] {
  const below = readdirSync(join(packageRoot, 'native'), { recursive: true, encoding: 'utf8' });
  const sources = below.filter((name) => /\.(cc|h|cu|cuh)$/.test(name)).sort();
  return ['CMakeLists.txt', ...sources.map((name) => join('native', name))];
}
