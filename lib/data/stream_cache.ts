// Token streams on disk: HASH.ids (little-endian int32: ids, then document starts) and HASH.json, which is written last.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import type { TokenStream } from './token_stream.js';

interface Entry {
  tokens: number;
  documents: number;
  /** sha256 of the .ids file. */
  sha256: string;
}

/** The stream with this hash, or undefined when it is not there whole (a damaged entry counts as missing). */
export async function readCached(dir: string, hash: string): Promise<TokenStream | undefined> {
  let entry: Entry;
  let bytes: Buffer;
  try {
    entry = JSON.parse(await readFile(join(dir, `${hash}.json`), 'utf8')) as Entry;
    bytes = await readFile(join(dir, `${hash}.ids`));
  } catch {
    return undefined;
  }
  const { tokens, documents, sha256 } = entry;
  if (bytes.length !== 4 * (tokens + documents)) return undefined;
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) return undefined;
  if (endianness() === 'BE') bytes.swap32();
  // A fresh buffer: a Buffer of the pool may start anywhere, an Int32Array must be aligned.
  const all = new Int32Array(new Uint8Array(bytes).buffer);
  return {
    ids: all.subarray(0, tokens),
    documentStarts: all.subarray(tokens),
    tokens,
    documents,
    hash,
  };
}

export async function writeCached(dir: string, stream: TokenStream): Promise<void> {
  const { ids, documentStarts, tokens, documents, hash } = stream;
  const all = new Int32Array(tokens + documents);
  all.set(ids);
  all.set(documentStarts, tokens);
  const bytes = Buffer.from(all.buffer);
  if (endianness() === 'BE') bytes.swap32();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await mkdir(dir, { recursive: true });
  await place(join(dir, `${hash}.ids`), bytes);
  const entry: Entry = { tokens, documents, sha256 };
  await place(join(dir, `${hash}.json`), Buffer.from(`${JSON.stringify(entry)}\n`));
}

/** Written beside, flushed, renamed: a reader sees the whole file or none. */
async function place(path: string, bytes: Buffer): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(beside, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
