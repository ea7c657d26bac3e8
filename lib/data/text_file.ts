// A whole text file, for what is short enough to be read at once.
import { statSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { readText } from './utf8.js';

/** @throws LoraShearError `DATA_NOT_FOUND` when there is no such file, `DATA_INVALID` for what is not UTF-8 */
export async function readTextFile(file: string): Promise<string> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new LoraShearError('DATA_NOT_FOUND', `there is no file ${file}`, {
      hint: 'give a text file in UTF-8',
      facts: { file },
    });
  }
  let text = '';
  for await (const piece of readText(file)) text += piece;
  return text;
}
