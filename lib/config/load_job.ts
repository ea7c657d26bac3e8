// Reads a job file: YAML (and so JSON), UTF-8, its paths relative to the file.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { LoraShearError } from '../errors.js';
import type { Job } from './job.js';
import type { Override } from './overrides.js';
import { parseJob } from './parse_job.js';

/**
 * The job of the file `path`, with `key=value` overrides on top; `hub` as for {@link parseJob}.
 * @throws CONFIG_INVALID when the file is not there, no YAML, or says what a job cannot be
 */
export function loadJob(path: string, overrides: readonly Override[] = [], hub?: string): Job {
  const file = resolve(path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    throw new LoraShearError(
      'CONFIG_INVALID',
      `${path} cannot be read: ${(cause as Error).message}`,
      {
        hint: 'give a YAML file, or flags: `lorashear-native run --model DIR --source NAME=PATH`',
        facts: { file },
        cause,
      },
    );
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) {
    throw new LoraShearError('CONFIG_INVALID', `${path} is no YAML: ${error.message}`, {
      hint: 'mend the line that the message shows',
      facts: { file, position: error.linePos?.[0] },
      cause: error,
    });
  }
  return parseJob(document.toJS() as unknown, { base: dirname(file), overrides, file: path, hub });
}
