// Plain text: passages of a few thousand characters that end between paragraphs, so that a book is many documents.
import type { FileRecord, Format, ReadOptions } from './format.js';
import { readLines } from './utf8.js';

/** Characters after which a passage ends at the next blank line. */
const passage = 4096;
/** Characters after which it ends at the next line, for files without blank lines. */
const limit = 4 * passage;

export const text: Format = {
  extensions: ['.txt', '.text'],
  async *records(file: string, { signal }: ReadOptions): AsyncGenerator<FileRecord> {
    let lines: string[] = [];
    let size = 0;
    let first = 1;
    let number = 0;
    for await (const line of readLines(file, signal)) {
      number += 1;
      lines.push(line);
      size += line.length + 1;
      const blank = line.trim() === '';
      if ((blank && size >= passage) || size >= limit) {
        yield { value: lines.join('\n').trim(), where: `lines ${first}-${number}` };
        lines = [];
        size = 0;
        first = number + 1;
      }
    }
    const rest = lines.join('\n').trim();
    if (rest !== '') yield { value: rest, where: `lines ${first}-${number}` };
  },
};
