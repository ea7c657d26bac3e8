// Streams a file as UTF-8 text and refuses bytes that are not, saying where they are.
import { isUtf8 } from 'node:buffer';
import { LoraShearError } from '../errors.js';
import { fileChunks } from './file_chunks.js';
import type { StopSignal } from './stop_signal.js';

const replacement = Buffer.from('\uFFFD');

/**
 * The text of `file` in pieces that end between characters; a byte-order mark in front is left out.
 * @throws LoraShearError `DATA_INVALID` with the offset of the first byte that is not UTF-8.
 */
export async function* readText(file: string, signal?: StopSignal): AsyncGenerator<string> {
  let carry: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of fileChunks(file, 1 << 18)) {
    signal?.throwIfAborted();
    const bytes: Buffer = carry.length > 0 ? Buffer.concat([carry, chunk]) : chunk;
    const body = bytes.subarray(0, bytes.length - incompleteTail(bytes));
    carry = bytes.subarray(body.length);
    const text = decode(file, body, offset);
    yield offset === 0 && text.startsWith('\uFEFF') ? text.slice(1) : text;
    offset += body.length;
  }
  if (carry.length > 0) yield decode(file, carry, offset);
}

/** Lines of `file` without their ends (`\n` or `\r\n`); a last line without an end counts. */
export async function* readLines(file: string, signal?: StopSignal): AsyncGenerator<string> {
  let held = '';
  for await (const text of readText(file, signal)) {
    let from = 0;
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      const line = held + text.slice(from, to);
      yield line.endsWith('\r') ? line.slice(0, -1) : line;
      held = '';
      from = to + 1;
    }
    held += text.slice(from);
  }
  if (held !== '') yield held;
}

/** Offset of the first byte of `bytes` that is no part of a UTF-8 character, or -1. */
export function firstInvalidByte(bytes: Uint8Array): number {
  if (isUtf8(bytes)) return -1;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let from = 0;
  for (;;) {
    // Each U+FFFD in the decoded text is either in the file itself or stands for the bad bytes.
    const at = text.indexOf('\uFFFD', from);
    offset += Buffer.byteLength(text.slice(from, at));
    if (!replacement.equals(bytes.subarray(offset, offset + 3))) return offset;
    offset += 3;
    from = at + 1;
  }
}

function decode(file: string, bytes: Buffer, offset: number): string {
  const bad = firstInvalidByte(bytes);
  if (bad < 0) return bytes.toString('utf8');
  const at = offset + bad;
  const value = (bytes[bad] as number).toString(16).padStart(2, '0');
  const utf16 = at === 0 && (value === 'ff' || value === 'fe');
  throw new LoraShearError(
    'DATA_INVALID',
    `${file} is not UTF-8: byte 0x${value} at offset ${at}`,
    {
      hint: utf16
        ? 'it looks like UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE'
        : 'convert it to UTF-8 (for instance iconv -f LATIN1 -t UTF-8 FILE), or check that it is text',
      facts: { file, offset: at },
    },
  );
}

/** Bytes at the end that begin a character whose rest is still to come. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return size > back ? back : 0;
  }
  return 0;
}
