// Is this folder a libtorch that we can build against and load? Version, libraries, headers, machine type.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LoraShearError } from '../errors.js';
import { elfMachine } from './elf.js';
import { oldestLibtorch } from './wheels.js';

/** Where a libtorch came from, in the order of preference. */
export type LibtorchOrigin = 'LORASHEAR_LIBTORCH' | 'python' | 'cache';

export interface LibtorchInfo {
  /** Folder with `lib/` and `include/`. */
  folder: string;
  version: string;
  origin: LibtorchOrigin;
  /** Whether it brings libtorch_cuda. */
  cuda: boolean;
  /** One clause for people: why this one was taken. */
  why: string;
}

/** File beside the unpacked `torch/` that lists the size of every library, to notice a damaged cache. */
export const manifestName = 'lorashear.json';

export interface Manifest {
  version: string;
  wheels: string[];
  libraries: Record<string, number>;
}

/**
 * Accepts a libtorch folder, a Python `torch` package folder, or a folder that holds `torch/`.
 * @throws LIBTORCH_INVALID naming what is missing, too old or for another machine
 */
export function inspectLibtorch(given: string, origin: LibtorchOrigin, why: string): LibtorchInfo {
  const root = resolve(given);
  const folder = existsSync(join(root, 'lib', 'libtorch_cpu.so')) ? root : join(root, 'torch');
  const needed = ['lib/libtorch_cpu.so', 'lib/libc10.so', 'include/ATen/ATen.h'];
  if (!existsSync(root)) throw invalid(root, origin, 'does not exist');
  const missing = needed.filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    const other = otherSystem(root) ?? otherSystem(folder);
    throw invalid(root, origin, other ?? `lacks ${missing.join(', ')}`);
  }

  const version = readVersion(folder);
  if (version === undefined) throw invalid(root, origin, 'has no version header');
  if (!isNewEnough(version)) {
    throw invalid(root, origin, `is version ${version}, older than ${oldestLibtorch.join('.')}`);
  }
  const machine = elfMachine(join(folder, 'lib', 'libc10.so'));
  if (machine !== elfMachines[process.arch]) {
    const found = machine === undefined ? 'its libraries are no ELF files' : `ELF ${machine}`;
    throw invalid(root, origin, `is built for another machine (${found})`);
  }
  const damaged = damagedLibrary(dirname(folder));
  if (damaged !== undefined) throw invalid(root, origin, `is damaged: ${damaged}`);
  const cuda = existsSync(join(folder, 'lib', 'libtorch_cuda.so'));
  return { folder, version, origin, cuda, why };
}

function invalid(folder: string, origin: LibtorchOrigin, what: string): LoraShearError {
  const hint =
    origin === 'LORASHEAR_LIBTORCH'
      ? 'point LORASHEAR_LIBTORCH at a libtorch 2.11 or newer with its headers, or unset it'
      : 'run `npx lorashear-native setup`';
  return new LoraShearError('LIBTORCH_INVALID', `the libtorch in ${folder} ${what}`, {
    hint,
    facts: { folder, origin },
  });
}

/** The system whose libraries lie there, if it is not Linux. */
function otherSystem(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  if (!existsSync(lib)) return undefined;
  const names = readdirSync(lib);
  if (names.some((name) => /^lib(torch|c10).*\.dylib$/.test(name))) return 'is built for macOS';
  if (names.some((name) => /^(torch|c10).*\.dll$/.test(name))) return 'is built for Windows';
  return undefined;
}

/** `major.minor.patch` from the headers, which are what the addon is compiled against. */
function readVersion(folder: string): string | undefined {
  const places = [
    'include/torch/headeronly/version.h',
    'include/torch/csrc/api/include/torch/version.h',
  ];
  for (const place of places) {
    const path = join(folder, place);
    if (!existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`#define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
    );
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  return undefined;
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestLibtorch;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

const elfMachines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 };

function damagedLibrary(root: string): string | undefined {
  const path = join(root, manifestName);
  if (!existsSync(path)) return undefined;
  try {
    const { libraries } = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
    for (const [name, bytes] of Object.entries(libraries)) {
      const found = statSync(join(root, name), { throwIfNoEntry: false })?.size;
      if (found !== bytes) return `${name} has ${found ?? 'no'} bytes instead of ${bytes}`;
    }
    return undefined;
  } catch {
    return `${manifestName} is unreadable`;
  }
}
