// What was found on this machine, what is wrong with it, and the command that mends it.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { LoraShearError } from '../errors.js';
import { addonFor } from './addon_path.js';
import { cacheFolder, type Environment } from './cache.js';
import type { LibtorchInfo } from './inspect.js';
import { locateLibtorch } from './locate.js';
import { findBuildTools, findNvcc, findPython, hasNvidiaDriver } from './machine.js';
import { tryLoading } from './try_loading.js';
import { wheelsFor } from './wheels.js';

/** `problem` keeps the toolkit from working; `note` may matter later. */
export interface Finding {
  name: string;
  state: 'ok' | 'note' | 'problem';
  value: string;
  /** The command or change that mends it. */
  hint?: string;
}

/** Looks at everything that a run needs; fetches and builds nothing. */
export async function diagnose(env: Environment = process.env): Promise<Finding[]> {
  const { finding: libtorchFinding, libtorch } = await examineLibtorch(env);
  const addonFindings = await examineAddon(libtorch, env);
  const isBuilt = addonFindings[0]?.state === 'ok';
  return [
    examineNode(),
    libtorchFinding,
    ...addonFindings,
    examineCpu(),
    examineMemory(),
    examineDisk(libtorch !== undefined, env),
    ...(await examineGpu(env)),
    ...(await examineTools(isBuilt, env)),
    await examinePython(libtorch !== undefined, env),
  ];
}

const setupHint = 'run `npx lorashear-native setup`';

function examineNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const napi = process.versions['napi'] ?? '?';
  const value = `${process.version} (${process.platform} ${process.arch}, Node-API ${napi})`;
  if (Number(napi) < 9) {
    return {
      name: 'Node',
      state: 'problem',
      value,
      hint: 'the addon needs Node-API 9: newer Node',
    };
  }
  if (major > 20 || (major === 20 && minor >= 17)) return { name: 'Node', state: 'ok', value };
  return { name: 'Node', state: 'problem', value, hint: 'install Node 20.17 or newer' };
}

async function examineLibtorch(
  env: Environment,
): Promise<{ finding: Finding; libtorch: LibtorchInfo | undefined }> {
  const name = 'libtorch';
  const notes: string[] = [];
  try {
    const libtorch = await locateLibtorch((event) => {
      if (event.kind === 'note') notes.push(event.text);
    }, env);
    if (libtorch) {
      const { version, folder, why, cuda } = libtorch;
      const value = [`${version}${cuda ? ' with CUDA' : ''} in ${folder} (${why})`, ...notes];
      return { finding: { name, state: 'ok', value: value.join('; ') }, libtorch };
    }
    const value = ['none on this machine', ...notes].join('; ');
    return { finding: { name, state: 'problem', value, hint: setupHint }, libtorch: undefined };
  } catch (thrown) {
    if (!(thrown instanceof LoraShearError)) throw thrown;
    const hint = thrown.hint ?? setupHint;
    return {
      finding: { name, state: 'problem', value: thrown.message, hint },
      libtorch: undefined,
    };
  }
}

async function examineAddon(
  libtorch: LibtorchInfo | undefined,
  env: Environment,
): Promise<Finding[]> {
  const name = 'addon';
  if (!libtorch) {
    return [{ name, state: 'problem', value: 'needs a libtorch first', hint: setupHint }];
  }
  const { path: cached, device } = addonFor(libtorch, env);
  const named = env['LORASHEAR_ADDON'];
  const path = named ?? cached;
  if (named !== undefined && !existsSync(named)) {
    const value = `LORASHEAR_ADDON names ${named}, which does not exist`;
    return [{ name, state: 'problem', value, hint: 'unset LORASHEAR_ADDON or build that file' }];
  }
  if (!existsSync(path)) {
    return [
      { name, state: 'problem', value: 'not built for this version and libtorch', hint: setupHint },
    ];
  }
  const outcome = await tryLoading(path, env);
  if (!outcome.ok) {
    const hint = named
      ? 'unset LORASHEAR_ADDON, or build that file for this Node and libtorch'
      : 'run `npx lorashear-native setup --rebuild`';
    return [{ name, state: 'problem', value: `${path}: ${outcome.message}`, hint }];
  }
  const { libtorch: seen, capability, threads, cudaDevices } = outcome.versions;
  const value = `compiled against ${seen}, CPU kernels ${capability}, ${threads} threads, ${cudaDevices} CUDA devices`;
  return [
    { name, state: 'ok', value: named ? `${path} (LORASHEAR_ADDON names it)` : path },
    device === 'cuda' && cudaDevices === 0
      ? {
          name: 'addon sees',
          state: 'note',
          value,
          hint: 'a driver is there but no device answers: see `nvidia-smi`',
        }
      : { name: 'addon sees', state: 'ok', value },
  ];
}

const interestingFlags = [
  ...['avx2', 'fma', 'f16c', 'avx512f', 'avx512_bf16', 'amx_bf16'],
  ...['asimd', 'asimdhp', 'bf16', 'sve'],
];

function examineCpu(): Finding {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(info)?.[1]?.split(' '));
  const features = interestingFlags.filter((flag) => flags.has(flag)).join(' ');
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const threads = `${availableParallelism()} threads`;
  return { name: 'CPU', state: 'ok', value: [model, threads, features].filter(Boolean).join(', ') };
}

function examineMemory(): Finding {
  const info = existsSync('/proc/meminfo') ? readFileSync('/proc/meminfo', 'utf8') : '';
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(info)?.[1] ?? NaN) * 1024;
  const value = `${gigabytes(available)} of ${gigabytes(totalmem())} available`;
  if (!(available < 2e9)) return { name: 'memory', state: 'ok', value };
  return { name: 'memory', state: 'note', value, hint: 'compiling the addon takes about 1.5 GB' };
}

function examineDisk(hasLibtorch: boolean, env: Environment): Finding {
  const cache = cacheFolder(env);
  let folder = cache;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const value = `${gigabytes(free)} free for the cache ${cache}`;
  if (!isWritable(folder)) {
    const hint = 'set LORASHEAR_CACHE to a folder that you can write to';
    const state = hasLibtorch ? 'note' : 'problem';
    return { name: 'disk', state, value: `${value}, which is read-only`, hint };
  }
  const device = hasNvidiaDriver() ? 'cuda' : 'cpu';
  const needed = wheelsFor('linux-x64', device).reduce((sum, w) => sum + w.megabytes * 2e6, 0);
  if (hasLibtorch || free >= needed) return { name: 'disk', state: 'ok', value };
  const hint = `libtorch needs ${gigabytes(needed)}: free some space or set LORASHEAR_CACHE`;
  return { name: 'disk', state: 'problem', value, hint };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function examineGpu(env: Environment): Promise<Finding[]> {
  const driver = hasNvidiaDriver();
  const nvcc = findNvcc(env);
  const nvccVersion = nvcc && /release [\d.]+/.exec((await ask(nvcc, ['--version'])) ?? '')?.[0];
  const gpus = driver
    ? await ask('nvidia-smi', [
        '--query-gpu=name,memory.total,driver_version',
        '--format=csv,noheader',
      ])
    : undefined;
  return [
    driver
      ? { name: 'GPU', state: 'ok', value: gpus?.replaceAll('\n', '; ') ?? 'driver loaded' }
      : { name: 'GPU', state: 'ok', value: 'no NVIDIA driver; runs use the CPU' },
    examineNvcc(nvcc, nvccVersion ?? '', driver),
  ];
}

/** Kernels are compiled against the CUDA 13 runtime that libtorch brings, so an older nvcc is passed over. */
function examineNvcc(path: string | undefined, version: string, hasDriver: boolean): Finding {
  const name = 'nvcc';
  const hint = 'install CUDA 13 or set LORASHEAR_NVCC, then run `npx lorashear-native setup`';
  const isNewEnough = Number(/\d+/.exec(version)?.[0]) >= 13;
  if (path && isNewEnough) return { name, state: 'ok', value: `${version} in ${path}` };
  const value = path ? `${version || 'unknown version'} in ${path} is not of CUDA 13` : 'not found';
  return hasDriver
    ? { name, state: 'note', value: `${value}: our fused kernels are not built for the GPU`, hint }
    : { name, state: 'ok', value: `${value}; not needed without a GPU` };
}

async function examineTools(isBuilt: boolean, env: Environment): Promise<Finding[]> {
  const { compiler, cmake, maker } = findBuildTools(env);
  const tools = { 'C++ compiler': compiler, cmake, 'ninja or make': maker };
  const packages = { 'C++ compiler': 'g++', cmake: 'cmake', 'ninja or make': 'make' };
  const findings: Finding[] = [];
  for (const [name, path] of Object.entries(tools)) {
    if (path) {
      const version = (await ask(path, ['--version']))?.split('\n')[0] ?? 'unknown version';
      findings.push({ name, state: 'ok', value: `${version} (${path})` });
      continue;
    }
    const hint = `install it, on Debian: \`apt-get install ${packages[name as keyof typeof tools]}\``;
    findings.push({ name, state: isBuilt ? 'note' : 'problem', value: 'not found', hint });
  }
  return findings;
}

async function examinePython(hasLibtorch: boolean, env: Environment): Promise<Finding> {
  const name = 'Python and pip';
  const python = findPython(env);
  const pip = python && (await ask(python, ['-m', 'pip', '--version']));
  if (pip) return { name, state: 'ok', value: `${pip.trim()} (${python})` };
  return {
    name,
    state: hasLibtorch ? 'note' : 'problem',
    value: python ? `${python} has no pip` : 'not found',
    hint: 'needed to fetch libtorch only; on Debian: `apt-get install python3-pip`',
  };
}

async function ask(program: string, args: string[]): Promise<string | undefined> {
  const answer = await promisify(execFile)(program, args, { timeout: 20_000 }).catch(
    () => undefined,
  );
  return answer?.stdout.trim();
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
