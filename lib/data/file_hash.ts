// The SHA-256 of a file's bytes, which are read once as long as the file stays as it is.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileChunks } from './file_chunks.js';

/** A file that changed so lately may change again within one tick of the file system's clock, with the same times. */
const settled = 2_000_000_000n;

/** By path; of this thread alone, which is one run's. */
const known = new Map<string, { state: string; hash: Buffer }>();

/**
 * A second call for the same path reads nothing where inode, size, and times of the last change are as before, so that a
 * run's manifest and its caches of tokens share one reading.
 * @param stop called between pieces; may throw
 */
export async function fileHash(path: string, stop: () => void = () => undefined): Promise<Buffer> {
  const key = resolve(path);
  const before = await stateOf(key);
  const found = known.get(key);
  if (found?.state === before.state) return Buffer.from(found.hash);
  const hash = createHash('sha256');
  for await (const chunk of fileChunks(path)) {
    stop();
    hash.update(chunk);
  }
  const digest = hash.digest();
  const after = await stateOf(key);
  known.delete(key);
  if (before.settled && after.state === before.state) {
    known.set(key, { state: before.state, hash: digest });
  }
  return Buffer.from(digest);
}

async function stateOf(path: string): Promise<{ state: string; settled: boolean }> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const state = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  return { state, settled: BigInt(Date.now()) * 1_000_000n - ctimeNs > settled };
}
