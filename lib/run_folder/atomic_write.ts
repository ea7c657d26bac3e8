// Writes a small file so that a kill or a full disk at any moment leaves the old content or the new, never a part.
import { renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  discard,
  flushFolder,
  writeFailure,
  writeTextDurably,
} from '../checkpoint/durable_file.js';

/**
 * Replaces the file `path` by `text` (UTF-8): beside it, flushed, renamed, folder flushed.
 * @throws OUTPUT_FAILED when the disk refuses
 */
export function writeAtomic(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
  try {
    writeTextDurably(beside, text);
    renameSync(beside, path);
    flushFolder(dirname(path));
  } catch (thrown) {
    discard(beside);
    throw writeFailure(path, thrown);
  }
}

/** {@link writeAtomic} of indented JSON. Numbers must be finite: JSON would turn them into null silently. */
export function writeJson(path: string, value: unknown): void {
  writeAtomic(path, `${JSON.stringify(value, refuseNotFinite, 2)}\n`);
}

function refuseNotFinite(key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new TypeError(`${key} is ${value}, which JSON cannot hold`);
}
