// What this machine has: platform, NVIDIA driver, and the programs that set-up calls.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LoraShearError } from '../errors.js';
import type { Environment } from './cache.js';
import type { Platform } from './wheels.js';

/** @throws LIBTORCH_NOT_FOUND on a platform that no pinned wheel serves */
export function currentPlatform(
  system: string = process.platform,
  arch: string = process.arch,
): Platform {
  const here = `${system}-${arch}`;
  if (here === 'linux-x64' || here === 'linux-arm64') return here;
  throw notPinned(here);
}

/** The C library that the pinned wheels are built for (manylinux_2_28). */
const oldestGlibc = [2, 28] as const;

/**
 * @param glibc version of the C library that runs us; undefined where it is another one, as musl on Alpine
 * @throws LIBTORCH_NOT_FOUND when the wheels' libraries would not load
 */
export function requireGlibc(glibc: string | undefined = runningGlibc()): void {
  const [major = 0, minor = 0] = (glibc ?? '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestGlibc;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw notPinned(glibc === undefined ? 'a C library other than glibc' : `glibc ${glibc}`);
}

function runningGlibc(): string | undefined {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

function notPinned(here: string): LoraShearError {
  return new LoraShearError('LIBTORCH_NOT_FOUND', `no libtorch is pinned for ${here}`, {
    hint: 'unpack a libtorch 2.11 or newer for this machine and set LORASHEAR_LIBTORCH to its folder',
    facts: { platform: here },
  });
}

/** Whether a kernel driver for an NVIDIA GPU is loaded; decides between the CPU and the CUDA set. */
export function hasNvidiaDriver(): boolean {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl');
}

/** Full path of the first of `names` in `PATH`. */
export function findProgram(
  names: readonly string[],
  env: Environment = process.env,
): string | undefined {
  for (const name of names) {
    if (name.includes('/')) {
      if (isExecutable(name)) return name;
      continue;
    }
    for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** nvcc: `LORASHEAR_NVCC`, then `PATH`, `CUDA_HOME`, `CUDA_PATH`, `/usr/local/cuda`. */
export function findNvcc(env: Environment = process.env): string | undefined {
  const roots = [env['CUDA_HOME'], env['CUDA_PATH'], '/usr/local/cuda'].filter(Boolean);
  const named = env['LORASHEAR_NVCC'];
  return findProgram(
    [...(named ? [named] : []), 'nvcc', ...roots.map((root) => `${root}/bin/nvcc`)],
    env,
  );
}

/** Python that runs pip and may hold a torch. */
export function findPython(env: Environment = process.env): string | undefined {
  return findProgram(['python3', 'python'], env);
}

/** The programs of a build; an absent one is `undefined`. */
export function findBuildTools(env: Environment = process.env) {
  const compiler = env['CXX'];
  return {
    compiler: findProgram([...(compiler ? [compiler] : []), 'c++', 'g++', 'clang++'], env),
    cmake: findProgram(['cmake'], env),
    maker: findProgram(['ninja', 'make'], env),
  };
}
