// A whole text file, for what is short enough to be read at once.
import { statSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { readText } from './utf8.js';

/** @throws LoraShearError `DATA_NOT_FOUND` for what is no file that can be read, `DATA_INVALID` for what is not UTF-8 */
export async function readTextFile(file: string): Promise<string> {
  let text = '';
  try {
    const info = statSync(file, { throwIfNoEntry: false });
    if (!info) throw notFound(file, `there is no file ${file}`);
    if (!info.isFile()) throw notFound(file, `${file} is no file`);
    for await (const piece of readText(file)) text += piece;
  } catch (cause) {
    if (cause instanceof LoraShearError) throw cause;
    // Of the file system: no permission, a file where a folder is meant, links in a circle, …
    throw notFound(file, `${file} cannot be read: ${(cause as Error).message}`, cause);
  }
  return text;
}

function notFound(file: string, message: string, cause?: unknown): LoraShearError {
  return new LoraShearError('DATA_NOT_FOUND', message, {
    hint: 'give a text file in UTF-8 that this user may read',
    facts: { file },
    cause,
  });
}
