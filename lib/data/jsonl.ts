// JSON Lines: one JSON value a line, streamed.
import { LoraShearError } from '../errors.js';
import type { FileRecord, Format, ReadOptions } from './format.js';
import { readLines } from './utf8.js';

export const jsonl: Format = {
  extensions: ['.jsonl', '.ndjson'],
  async *records(file: string, { signal }: ReadOptions): AsyncGenerator<FileRecord> {
    let number = 0;
    for await (const line of readLines(file, signal)) {
      number += 1;
      if (line.trim() === '') continue;
      yield { value: parseLine(file, line, number), where: `line ${number}` };
    }
  },
};

function parseLine(file: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new LoraShearError(
      'DATA_INVALID',
      `${file}, line ${number}, is not JSON: ${(cause as Error).message}`,
      { hint: 'each line must hold one whole JSON value', facts: { file, line: number }, cause },
    );
  }
}
