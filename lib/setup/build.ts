// Builds the addon with cmake-js into the user cache, and only when it is missing.
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { dirname, join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { type Addon, addonFor, packageRoot } from './addon_path.js';
import { spawnBound } from './bound_child.js';
import { cacheError, cacheFolder, type Environment, makeFolder, withLock } from './cache.js';
import { isWholeElf } from './elf.js';
import type { LibtorchInfo } from './inspect.js';
import { ensureLibtorch } from './libtorch.js';
import { forgetOldAddons } from './old_addons.js';
import { findBuildTools } from './machine.js';
import { asStep, type OnSetupEvent } from './setup_event.js';
import { tryLoading } from './try_loading.js';

export interface Native {
  /** The built `lorashear.node`. */
  addon: string;
  libtorch: LibtorchInfo;
}

export interface EnsureOptions {
  rebuild?: boolean;
  verify?: boolean;
  env?: Environment;
}

/**
 * Finds or fetches libtorch and builds the addon: whatever is missing, and nothing else.
 * @param options.rebuild builds anew even when there is an addon
 * @param options.verify loads an addon that is there, and builds anew when it does not load; a cut-off one always is
 * @throws every error of {@link ensureLibtorch}, SETUP_NO_COMPILER, SETUP_BUILD_FAILED, NATIVE_LOAD_FAILED
 */
export async function ensureNative(
  onEvent: OnSetupEvent = () => undefined,
  { rebuild = false, verify = false, env = process.env }: EnsureOptions = {},
): Promise<Native> {
  const libtorch = await ensureLibtorch(onEvent, env);
  const addon = addonFor(libtorch, env);
  const serves = async () => {
    const damage = await damageOf(addon, verify, env);
    if (damage !== undefined && existsSync(addon.path)) {
      onEvent({ kind: 'note', text: `${addon.path} is built anew: ${damage}` });
    }
    return damage === undefined;
  };
  if (rebuild || !(await serves())) {
    const folder = buildFolder(libtorch, addon, env);
    const name = `build-${folder.slice(-12)}`;
    const build = async () => {
      if (rebuild || (await damageOf(addon, verify, env)) !== undefined) {
        if (rebuild) rmSync(folder, { recursive: true, force: true });
        await asStep(onEvent, 'build', 'the native addon', () =>
          buildAddon(libtorch, addon, folder, onEvent, env),
        );
        forgetOldAddons(dirname(dirname(addon.path)));
        if (isInstalled) rmSync(folder, { recursive: true, force: true });
      }
    };
    await withLock(name, onEvent, build, env);
  }
  return { addon: addon.path, libtorch };
}

/** An installed package never changes a source, so its build folder serves nobody. */
const isInstalled = packageRoot.includes('/node_modules/');

/** One folder per clone and libtorch, kept, so that a change of one source compiles one source. */
function buildFolder(libtorch: LibtorchInfo, addon: Addon, env: Environment): string {
  const { compiler } = findBuildTools(env);
  const circumstances = [packageRoot, libtorch.folder, addon.device, addon.nvcc, compiler];
  const name = createHash('sha256').update(JSON.stringify(circumstances)).digest('hex');
  return join(cacheFolder(env), 'build', name.slice(0, 12));
}

async function buildAddon(
  libtorch: LibtorchInfo,
  addon: Addon,
  folder: string,
  onEvent: OnSetupEvent,
  env: Environment,
): Promise<void> {
  requireBuildTools(env);
  makeFolder(folder);
  const args = ['-d', packageRoot, '-O', folder, '-l', 'warn', '-p', String(parallelism())];
  args.push(`--CDLIBTORCH_DIR=${libtorch.folder}`, `--CDLORASHEAR_DEVICE=${addon.device}`);
  if (addon.nvcc) args.push(`--CDLORASHEAR_NVCC=${addon.nvcc}`);
  const log = join(folder, 'build.log');
  let build = await runCmakeJs(['build', ...args], log, onEvent, env);
  // A build folder that CMake no longer accepts (another CMake, a moved compiler) is made anew, once.
  if (build.code !== 0 && build.output.includes('CMake Error')) {
    build = await runCmakeJs(['rebuild', ...args], log, onEvent, env);
  }
  const built = join(folder, 'Release', 'lorashear.node');
  if (build.code !== 0 || !existsSync(built)) throw buildError(build.output, log);

  makeFolder(dirname(addon.path));
  const beside = `${addon.path}.${process.pid}`;
  try {
    copyToDisk(built, beside);
    const outcome = await tryLoading(beside, env);
    if (!outcome.ok) throw loadError(built, outcome.message);
    renameSync(beside, addon.path);
  } catch (thrown) {
    throw cacheError(thrown, addon.path);
  } finally {
    rmSync(beside, { force: true });
  }
}

function copyToDisk(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What keeps the addon in the cache from serving, or undefined when nothing is seen. */
async function damageOf(
  addon: Addon,
  verify: boolean,
  env: Environment,
): Promise<string | undefined> {
  if (!existsSync(addon.path)) return 'it is missing';
  if (!isWholeElf(addon.path)) return 'it is damaged';
  if (!verify) return undefined;
  const outcome = await tryLoading(addon.path, env);
  return outcome.ok ? undefined : outcome.message;
}

/** libtorch's headers cost up to 1.5 GB per compiler process. */
function parallelism(): number {
  const byMemory = Math.floor(freemem() / 1.5e9);
  return Math.max(1, Math.min(availableParallelism(), byMemory));
}

function requireBuildTools(env: Environment): void {
  const { compiler, cmake, maker } = findBuildTools(env);
  const missing = [
    ...(compiler ? [] : ['a C++20 compiler (c++, g++ or clang++)']),
    ...(cmake ? [] : ['cmake']),
    ...(maker ? [] : ['ninja or make']),
  ];
  if (missing.length === 0) return;
  throw new LoraShearError('SETUP_NO_COMPILER', `not found in PATH: ${missing.join(', ')}`, {
    hint:
      'Debian, Ubuntu: `apt-get install g++ cmake make`; Fedora: `dnf install gcc-c++ cmake make`; ' +
      'without root: `python3 -m pip install cmake ninja` gives those two',
    facts: { missing },
  });
}

function runCmakeJs(
  args: readonly string[],
  log: string,
  onEvent: OnSetupEvent,
  env: Environment,
): Promise<{ code: number | null; output: string }> {
  const manifest = createRequire(import.meta.url).resolve('cmake-js/package.json');
  const program = join(dirname(manifest), 'bin', 'cmake-js');
  return new Promise((resolve, reject) => {
    const child = spawnBound(process.execPath, [program, ...args], { cwd: packageRoot, env });
    const file = createWriteStream(log);
    file.on('error', () => undefined); // a full disk is told by what the compiler says
    let output = '';
    const collect = (chunk: Buffer) => {
      const text = chunk.toString();
      output += text;
      file.write(text);
      const progress = readProgress(text);
      if (progress) onEvent({ kind: 'progress', step: 'build', ...progress, unit: 'compiled' });
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => {
      const finish = () => resolve({ code, output });
      if (file.errored) finish();
      else file.end(finish);
    });
  });
}

/** The last `[3/20]` of ninja or `[ 15%]` of make in a piece of output. */
export function readProgress(text: string): { done: number; total: number } | undefined {
  const ninja = [...text.matchAll(/^\[(\d+)\/(\d+)\]/gm)].at(-1);
  if (ninja) return { done: Number(ninja[1]), total: Number(ninja[2]) };
  const make = [...text.matchAll(/^\[ *(\d+)%\]/gm)].at(-1);
  return make && { done: Number(make[1]), total: 100 };
}

function buildError(output: string, log: string): LoraShearError {
  const lines = output.trim().split('\n');
  const first = lines.findIndex((line) => /error[: ]|CMake Error/i.test(line));
  const part = first >= 0 ? lines.slice(first, first + 8) : lines.slice(-8);
  const text = `the addon does not compile:\n${part.join('\n')}`;
  if (output.includes('No space left on device')) {
    return new LoraShearError('SETUP_CACHE_FAILED', text, {
      hint: 'free some space, or set LORASHEAR_CACHE to a folder on another disk',
      facts: { log, reason: 'ENOSPC' },
    });
  }
  const isKilled = /Killed signal|virtual memory exhausted|cannot allocate memory/i.test(output);
  const advice = isKilled
    ? 'the compiler ran out of memory: free 1.5 GB and run `npx lorashear-native setup`, which goes on where it stopped'
    : 'C++20 needs g++ 11 or clang++ 14 or newer (CXX names another compiler)';
  return new LoraShearError('SETUP_BUILD_FAILED', text, {
    hint: `the whole log is ${log}; ${advice}`,
    facts: { log },
  });
}

function loadError(path: string, message: string): LoraShearError {
  return new LoraShearError('NATIVE_LOAD_FAILED', `the built addon does not load: ${message}`, {
    hint: 'run `npx lorashear-native doctor`; a library that libtorch names may be missing',
    facts: { path },
  });
}
