// All documents of a source as one row of token ids, each followed by EOS (algorithm.md §9), cached on disk.
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { cleanText, type CleaningOptions } from './cleaning.js';
import type { Source } from './document.js';
import type { StopSignal } from './stop_signal.js';
import { fingerprintOf, fingerprintToWords, type SeenDocuments } from './seen_documents.js';
import { readCached, writeCached } from './stream_cache.js';

export interface TokenStream {
  /** `tokens` ids: per document what the tokenizer gives with its own special tokens, then EOS. */
  ids: Int32Array;
  tokens: number;
  documents: number;
  /** Documents that were left out because they had come before. */
  duplicates: number;
  /** Where duplicates were looked for: what each document is known by, {@link fingerprintWords} int32. */
  fingerprints?: Int32Array;
  /** Offset in `ids` at which each document begins. */
  documentStarts: Int32Array;
  /** Over the files' content, the tokenizer and the options: equal hashes mean equal ids. */
  hash: string;
}

export interface TokenizeOptions {
  /** Folder for finished streams; made when missing. Nothing is cached without it. */
  cacheDir?: string | undefined;
  /** Stop after this many tokens; the last document may be cut short. */
  maxTokens?: number | undefined;
  cleaning?: CleaningOptions | undefined;
  /** Documents that came before, which are left out; those of this stream are added. Default: all are kept. */
  seen?: SeenDocuments | undefined;
  signal?: StopSignal | undefined;
  onProgress?: ((tokens: number, documents: number) => void) | undefined;
}

/** Raised when the ids for the same text change. */
const version = 1;
/** Characters between two turns of the event loop, so that an abort or a message can come in. */
const breath = 1 << 18;

/**
 * Tokenises a source's documents in order.
 * @throws LoraShearError `TOKENIZER_INVALID` without EOS, `DATA_EMPTY` when cleaning leaves nothing, what the
 * source throws; what the signal throws (nothing is cached then).
 */
export async function tokenizeSource(
  source: Source,
  tokenizer: Tokenizer,
  options: TokenizeOptions = {},
): Promise<TokenStream> {
  const { cacheDir, maxTokens = Infinity, cleaning = {}, seen, signal, onProgress } = options;
  const { eosId } = tokenizer;
  if (eosId === undefined) {
    throw new LoraShearError('TOKENIZER_INVALID', 'the tokenizer names no end-of-text token', {
      hint: 'add eos_token to tokenizer_config.json',
    });
  }
  const hash = createHash('sha256')
    .update(
      JSON.stringify([
        version,
        await source.fingerprint(signal),
        tokenizer.fingerprint,
        [tokenizer.encode(''), tokenizer.bosId ?? null, eosId],
        [cleaning.stripIrregular ?? false, cleaning.minParagraphTokens ?? null],
        Number.isFinite(maxTokens) ? maxTokens : null,
        ...(seen ? [seen.key] : []),
      ]),
    )
    .digest('hex');
  const cached = cacheDir === undefined ? undefined : await readCached(cacheDir, hash);
  if (cached) {
    seen?.done(hash, cached.fingerprints);
    return cached;
  }

  const count = (text: string) => tokenizer.encode(text, { addSpecialTokens: false }).length;
  const ids = growing();
  const starts: number[] = [];
  const fingerprints = growing();
  let duplicates = 0;
  let pending = 0;
  for await (const { text: raw } of source.documents(signal)) {
    if ((pending += raw.length) >= breath) {
      pending = 0;
      onProgress?.(ids.length(), starts.length);
      await setImmediate();
      signal?.throwIfAborted();
    }
    const fingerprint = seen ? fingerprintOf(raw) : '';
    if (seen?.has(fingerprint)) {
      duplicates += 1;
      continue;
    }
    const text = cleanText(raw, cleaning, count);
    if (text.trim() === '') continue;
    if (seen) {
      seen.add(fingerprint);
      fingerprints.push(fingerprintToWords(fingerprint));
    }
    starts.push(ids.length());
    ids.push(tokenizer.encode(text));
    ids.push([eosId]);
    if (ids.length() >= maxTokens) break;
  }
  if (starts.length === 0) {
    throw nothingLeft(source, duplicates);
  }
  const all = ids.take(Math.min(ids.length(), maxTokens));
  onProgress?.(all.length, starts.length);
  const stream: TokenStream = {
    ids: all,
    tokens: all.length,
    documents: starts.length,
    duplicates,
    ...(seen ? { fingerprints: fingerprints.take(fingerprints.length()) } : {}),
    documentStarts: Int32Array.from(starts),
    hash,
  };
  seen?.done(hash);
  if (cacheDir !== undefined) await writeCached(cacheDir, stream);
  return stream;
}

function nothingLeft({ name, split }: Source, duplicates: number): LoraShearError {
  if (duplicates === 0) {
    return new LoraShearError('DATA_EMPTY', `cleaning left no text of source "${name}"`, {
      hint: 'lower minParagraphTokens or switch the cleaning off for this source',
      facts: { name },
    });
  }
  return new LoraShearError(
    'DATA_EMPTY',
    `no text is left of the ${split} split of source "${name}": ${duplicates} documents are in sources before it, or in a validation split`,
    {
      hint: 'leave the source out, or keep what comes twice with `deduplicate: false`',
      facts: { name, split, duplicates },
    },
  );
}

/** An Int32Array that grows by doubling. */
function growing() {
  let buffer = new Int32Array(1 << 16);
  let length = 0;
  return {
    length: () => length,
    push(values: readonly number[]): void {
      if (length + values.length > buffer.length) {
        const larger = new Int32Array(Math.max(2 * buffer.length, length + values.length));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(values, length);
      length += values.length;
    },
    take: (count: number): Int32Array => buffer.slice(0, count),
  };
}
