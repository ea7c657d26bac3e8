// Documents that have been read already, by a hash of their words: exact duplicates but for white space.
import { createHash } from 'node:crypto';

/** int32 words of a fingerprint: 128 bits of SHA-256. */
export const fingerprintWords = 4;

/** Holds a hash a document, in the order of the streams that were told to it. */
export class SeenDocuments {
  readonly #hashes = new Set<string>();
  #key = '';

  /** Over the hashes of all streams so far: equal keys mean equal documents. */
  get key(): string {
    return this.#key;
  }

  has(fingerprint: string): boolean {
    return this.#hashes.has(fingerprint);
  }

  add(fingerprint: string): void {
    this.#hashes.add(fingerprint);
  }

  /** A stream is done; with its fingerprints where it was read from a cache. */
  done(hash: string, fingerprints: Int32Array = new Int32Array()): void {
    this.#key = createHash('sha256').update(`${this.#key}:${hash}`).digest('hex');
    for (let at = 0; at < fingerprints.length; at += fingerprintWords) {
      this.add(wordsToText(fingerprints.subarray(at, at + fingerprintWords)));
    }
  }
}

/** Of the words of a text, whatever white space is between them. */
export function fingerprintOf(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  return createHash('sha256')
    .update(words)
    .digest()
    .toString('latin1', 0, 4 * fingerprintWords);
}

/** As it is stored: {@link fingerprintWords} little-endian int32. */
export function fingerprintToWords(fingerprint: string): number[] {
  const bytes = Buffer.from(fingerprint, 'latin1');
  return Array.from({ length: fingerprintWords }, (_, i) => bytes.readInt32LE(4 * i));
}

function wordsToText(words: Int32Array): string {
  const bytes = Buffer.alloc(4 * fingerprintWords);
  words.forEach((word, i) => bytes.writeInt32LE(word, 4 * i));
  return bytes.toString('latin1');
}
