// Opens a file or folder of text as a source, with its validation split found on disk or held out.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { LoraShearError } from '../errors.js';
import type { Document, Source, Split } from './document.js';
import { fileHash } from './file_hash.js';
import { findFiles, type DataFiles } from './files.js';
import { formats } from './formats.js';
import { heldOut, holdoutDefaults, type HoldoutOptions } from './holdout.js';
import type { StopSignal } from './stop_signal.js';

export interface SourceOptions {
  /** Default `train`. */
  split?: Split | undefined;
  /** Column or field that holds the text. Default `text`. */
  column?: string | undefined;
  /** How documents are held out where there is no validation split on disk. */
  holdout?: HoldoutOptions | undefined;
}

/**
 * A source called `name` from a file or a folder (see {@link findFiles} for how its splits are found).
 * Where validation is held out, the `train` split never has those documents.
 * @throws LoraShearError `DATA_NOT_FOUND`, `DATA_INVALID`; while reading also `DATA_EMPTY`.
 */
export async function openSource(
  name: string,
  path: string,
  options: SourceOptions = {},
): Promise<Source> {
  const { split = 'train', column = 'text' } = options;
  const { fraction = holdoutDefaults.fraction, seed = holdoutDefaults.seed } =
    options.holdout ?? {};
  const holdout = { fraction, seed };
  const found = await findFiles(path, split);
  const all = (signal?: StopSignal) => readAll(name, path, found, column, signal);
  return {
    name,
    path,
    split,
    files: found.files,
    heldOut: found.shared,
    async *documents(signal) {
      if (!found.shared) {
        yield* all(signal);
        return;
      }
      let count = 0;
      for await (const _ of all(signal)) count += 1;
      if (count < 2) throw single(name, path);
      const validation = heldOut(count, holdout);
      let index = 0;
      for await (const document of all(signal)) {
        if (validation.has(index++) === (split === 'validation')) yield document;
      }
    },
    async fingerprint(signal) {
      signal?.throwIfAborted(); // a hash that is known asks no more
      const hash = createHash('sha256');
      hash.update(JSON.stringify([found.format, column, found.shared ? [split, holdout] : null]));
      for (const file of found.files) {
        hash.update(await fileHash(file, () => signal?.throwIfAborted()));
      }
      return hash.digest('hex');
    },
  };
}

/** Every document of the files that has text; `DATA_EMPTY` when none has. */
async function* readAll(
  name: string,
  path: string,
  { files, format }: DataFiles,
  column: string,
  signal: StopSignal | undefined,
): AsyncGenerator<Document> {
  let any = false;
  for (const file of files) {
    for await (const { value, where } of formats[format].records(file, {
      columns: [column],
      signal,
    })) {
      const text = textOf(file, where, value, column);
      if (text.trim() === '') continue;
      any = true;
      yield { text, id: `${basename(file)}: ${where}` };
    }
  }
  if (any) return;
  throw new LoraShearError('DATA_EMPTY', `source "${name}" (${path}) holds no text`, {
    hint: 'give a source with text in it, or leave it out',
    facts: { name, path, files },
  });
}

/** A missing value (null) is an empty document; any other type than a string is a mistake of the data. */
function textOf(file: string, where: string, value: unknown, column: string): string {
  if (typeof value === 'string') return value;
  const fields =
    value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
  const field = fields[column];
  if (typeof field === 'string') return field;
  if (field === null || (field === undefined && column in fields)) return '';
  const seen =
    field === undefined
      ? `has no field "${column}" (it has ${Object.keys(fields).join(', ') || 'none'})`
      : `has a field "${column}" of type ${typeof field}`;
  throw new LoraShearError('DATA_INVALID', `${file}, ${where}, ${seen}`, {
    hint: 'name the field that holds the text, or mend the file',
    facts: { file, where, fields: Object.keys(fields) },
  });
}

function single(name: string, path: string): LoraShearError {
  return new LoraShearError(
    'DATA_EMPTY',
    `source "${name}" (${path}) has one document only, so that none can be held out for validation`,
    {
      hint: 'give more text, or a folder with train-* and validation-* files',
      facts: { name, path },
    },
  );
}
