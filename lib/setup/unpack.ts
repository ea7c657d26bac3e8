// Takes libraries, headers, CMake files and licences out of the wheels, and nothing else.
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { cacheError, makeFolder } from './cache.js';
import { type Manifest, manifestName } from './inspect.js';
import type { OnSetupEvent } from './setup_event.js';
import { type Device, libtorchVersion } from './wheels.js';

/**
 * Whether a file of a wheel is needed. Without CUDA only libtorch_cpu and what it names are kept;
 * `libtorch.so` is an empty shell that names libtorch_cuda, and goes with it.
 */
export function isNeeded(name: string, device: Device): boolean {
  if (name.endsWith('/')) return false;
  if (/^[^/]+\.dist-info\/.*(license|notice)/i.test(name)) return true;
  if (/^torch\/(include|share\/cmake)\//.test(name) || name === 'torch/version.py') return true;
  const library = /^torch\/lib\/([^/]+\.so[^/]*)$/.exec(name)?.[1];
  if (library !== undefined) {
    if (/^lib(torch_python|shm)\./.test(library)) return false;
    return device === 'cuda' || !/cuda|nvrtc|nvshmem|^libtorch\.so/.test(library);
  }
  const nvidia = /^nvidia\/[^/]+\/(lib|include)\/(.+)$/.exec(name);
  if (!nvidia) return false;
  if (device === 'cpu') return /^lib(cudart|cupti)\.so/.test(nvidia[2] ?? '');
  return nvidia[1] === 'include' || /\.so(\.|$)/.test(name);
}

/**
 * Unpacks the needed files of one wheel below `into`.
 * @param onBytes told after each file how many bytes of the wheel are through
 * @returns name and size of every library written
 */
export async function unpackWheel(
  wheel: string,
  into: string,
  device: Device,
  onBytes: (bytes: number) => void,
): Promise<Record<string, number>> {
  const libraries: Record<string, number> = {};
  const zip = await yauzl.openPromise(wheel);
  let through = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      through += entry.compressedSize;
      if (!isNeeded(entry.fileName, device)) continue;
      const path = join(into, entry.fileName);
      mkdirSync(dirname(path), { recursive: true });
      const isLibrary = /\.so(\.|$)/.test(entry.fileName);
      const content = await zip.openReadStreamPromise(entry);
      // Only the libraries are flushed: a lost header fails a compile, a lost library page crashes a run.
      await pipeline(content, createWriteStream(path, { flush: isLibrary }));
      if (isLibrary) libraries[entry.fileName] = entry.uncompressedSize;
      onBytes(through);
    }
  } finally {
    zip.close();
  }
  return libraries;
}

/**
 * Unpacks a whole set beside `folder` and renames it into place; the caller holds the lock of libtorch.
 * What an earlier unpacking left when it was killed is removed.
 * @throws SETUP_CACHE_FAILED on a full disk or without permission; nothing is left then
 */
export async function unpackWheels(
  wheels: readonly { path: string; megabytes: number }[],
  folder: string,
  device: Device,
  onEvent: OnSetupEvent,
): Promise<void> {
  makeFolder(dirname(folder));
  for (const name of readdirSync(dirname(folder)).filter((name) => name.includes('.partial-'))) {
    rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
  const beside = `${folder}.partial-${process.pid}`;
  const manifest: Manifest = {
    version: libtorchVersion,
    wheels: wheels.map(({ path }) => basename(path)),
    libraries: {},
  };
  const total = wheels.reduce((sum, { megabytes }) => sum + megabytes * 1e6, 0);
  let before = 0;
  try {
    mkdirSync(beside, { recursive: true });
    for (const { path, megabytes } of wheels) {
      const written = await unpackWheel(path, beside, device, (bytes) => {
        const done = Math.min(before + bytes, total);
        onEvent({ kind: 'progress', step: 'unpack', done, total, unit: 'bytes' });
      });
      Object.assign(manifest.libraries, written);
      before += megabytes * 1e6;
    }
    writeFileSync(join(beside, manifestName), JSON.stringify(manifest, null, 2), { flush: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(beside, folder);
  } catch (thrown) {
    rmSync(beside, { recursive: true, force: true });
    throw cacheError(thrown, folder);
  }
}
