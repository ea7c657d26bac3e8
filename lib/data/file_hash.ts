// The SHA-256 of a file's bytes.
import { createHash } from 'node:crypto';
import { fileChunks } from './file_chunks.js';

/** @param stop called between pieces; may throw */
export async function fileHash(path: string, stop: () => void = () => undefined): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of fileChunks(path)) {
    stop();
    hash.update(chunk);
  }
  return hash.digest();
}
