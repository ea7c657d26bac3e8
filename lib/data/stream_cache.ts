// Token streams on disk: HASH.ids (little-endian int32: ids, document starts, fingerprints) and HASH.json, which is written last.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { fingerprintWords } from './seen_documents.js';
import type { TokenStream } from './token_stream.js';

interface Entry {
  tokens: number;
  documents: number;
  duplicates?: number;
  /** Whether documents have fingerprints. */
  fingerprints?: boolean;
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
  const { tokens, documents, sha256, duplicates = 0 } = entry;
  const words = entry.fingerprints ? fingerprintWords * documents : 0;
  if (bytes.length !== 4 * (tokens + documents + words)) return undefined;
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) return undefined;
  if (endianness() === 'BE') bytes.swap32();
  // A fresh buffer: a Buffer of the pool may start anywhere, an Int32Array must be aligned.
  const all = new Int32Array(new Uint8Array(bytes).buffer);
  return {
    ids: all.subarray(0, tokens),
    documentStarts: all.subarray(tokens, tokens + documents),
    tokens,
    documents,
    duplicates,
    ...(entry.fingerprints ? { fingerprints: all.subarray(tokens + documents) } : {}),
    hash,
  };
}

export async function writeCached(dir: string, stream: TokenStream): Promise<void> {
  const { ids, documentStarts, fingerprints, tokens, documents, duplicates, hash } = stream;
  const all = new Int32Array(tokens + documents + (fingerprints?.length ?? 0));
  all.set(ids);
  all.set(documentStarts, tokens);
  if (fingerprints) all.set(fingerprints, tokens + documents);
  const bytes = Buffer.from(all.buffer);
  if (endianness() === 'BE') bytes.swap32();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await mkdir(dir, { recursive: true });
  await place(join(dir, `${hash}.ids`), bytes);
  const entry: Entry = {
    ...{ tokens, documents, sha256 },
    ...(fingerprints ? { duplicates, fingerprints: true } : {}),
  };
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
