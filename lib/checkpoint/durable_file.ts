// Files whose bytes are on the disk when the function returns, and the one error for a disk that refuses.
import { closeSync, copyFileSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { fromNative } from '../native/native_error.js';

/** Opens `path` for writing (truncated), runs `write` with its descriptor, flushes and closes. */
export function writeDurably(path: string, write: (fd: number) => void): void {
  const fd = openSync(path, 'w');
  try {
    write(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes all of `bytes` at the descriptor's position. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** Writes `text` as UTF-8. */
export function writeTextDurably(path: string, text: string): void {
  writeDurably(path, (fd) => {
    writeAll(fd, Buffer.from(text, 'utf8'));
  });
}

/** Copies a file, links followed. */
export function copyDurably(from: string, path: string): void {
  copyFileSync(from, path);
  flush(path);
}

/** Makes what was renamed, made or removed in `dir` durable. */
export function flushFolder(dir: string): void {
  flush(dir);
}

function flush(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes what a failed write left; a second failure would hide the first. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // the error that led here says what is wrong with the path
  }
}

/** The typed error for a write to `path` that failed with `thrown`. */
export function writeFailure(path: string, thrown: unknown): LoraShearError {
  const native = fromNative(thrown, path);
  if (native.code !== 'NATIVE_FAILURE') return native;
  return new LoraShearError('OUTPUT_FAILED', `${path} could not be written: ${native.message}`, {
    hint: 'check that the folder exists, is writable and that the disk has room',
    facts: { path },
    cause: thrown,
  });
}
