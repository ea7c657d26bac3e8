// A JSON file that holds one array of entries; read whole, because JSON cannot be parsed in parts.
import { stat } from 'node:fs/promises';
import { LoraShearError } from '../errors.js';
import type { FileRecord, Format, ReadOptions } from './format.js';
import { readText } from './utf8.js';

/** V8 holds no longer strings (2^29 - 24 characters). */
const largest = 2 ** 29 - 24;

export const json: Format = {
  extensions: ['.json'],
  async *records(file: string, { signal }: ReadOptions): AsyncGenerator<FileRecord> {
    const { size } = await stat(file);
    if (size > largest) {
      throw new LoraShearError(
        'DATA_INVALID',
        `${file} has ${size} bytes, too many for one JSON array`,
        {
          hint: 'convert it to JSON Lines: jq -c ".[]" FILE > FILE.jsonl',
          facts: { file, size },
        },
      );
    }
    const parts: string[] = [];
    for await (const part of readText(file, signal)) parts.push(part);
    for (const [i, value] of parseArray(file, parts.join('')).entries()) {
      signal?.throwIfAborted();
      yield { value, where: `entry ${i}` };
    }
  },
};

function parseArray(file: string, content: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new LoraShearError('DATA_INVALID', `${file} is not JSON: ${(cause as Error).message}`, {
      hint: 'the file may be cut short; fetch it again',
      facts: { file },
      cause,
    });
  }
  if (Array.isArray(value)) return value;
  throw new LoraShearError('DATA_INVALID', `${file} holds no JSON array of entries`, {
    hint: 'give an array [{"text": …}, …], or one entry a line as .jsonl',
    facts: { file },
  });
}
