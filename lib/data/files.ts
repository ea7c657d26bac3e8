// Finds the data files behind a path: one file, or a folder with splits named as on the Hugging Face hub.
import { access, constants, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LoraShearError } from '../errors.js';
import type { Split } from './document.js';
import { formatByExtension, formatOf, type FormatName } from './formats.js';
import { dataFolder } from './hub_cache.js';

export interface DataFiles {
  files: string[];
  format: FormatName;
  /** True where no file of this split exists on disk, so that it must be held out of `files`. */
  shared: boolean;
}

/** Files that `datasets` writes beside the data. */
const metadata = new Set([
  'dataset_info.json',
  'dataset_infos.json',
  'dataset_dict.json',
  'state.json',
]);

/** `train-00000-of-00001.parquet`, `validation.jsonl`, `test_0.json`, `alpaca_validation.json` … */
const splitName =
  /^(train|validation|valid|val|dev|test)(?=[-_.])|[-_.](train|validation|valid|val|dev|test)\.[^.]+$/i;

/**
 * A folder may hold one format; files are sorted by name. `test` files are never read. Where the folder has
 * no validation files (or the path is one file), both splits come from the same files and `shared` is true.
 * Of a dataset in the hub's cache the folder is `…/datasets--org--name`, with one of its own behind where it has several.
 * @throws LoraShearError `DATA_NOT_FOUND` naming what was looked for; `DATA_INVALID` for mixed formats.
 */
export async function findFiles(given: string, split: Split): Promise<DataFiles> {
  const path = dataFolder(given);
  const info = await stat(path).catch(() => undefined);
  if (!info) {
    throw new LoraShearError('DATA_NOT_FOUND', `there is no file or folder ${path}`, {
      hint: 'give a .parquet, .jsonl, .json or .txt file, a folder of such files, or a dataset in the hub cache by its name',
      facts: { path },
    });
  }
  if (!info.isDirectory()) {
    await checkReadable(path);
    return { files: [path], format: await formatOf(path), shared: true };
  }
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries
    .filter((e) => !e.isDirectory() && !e.name.startsWith('.') && !metadata.has(e.name))
    .map((e) => e.name)
    .filter((name) => formatByExtension(name) !== undefined)
    .sort();
  const folders = entries.filter((e) => e.isDirectory()).map((e) => e.name);
  const { train, validation } = group(names);
  if (train.length === 0 && !(split === 'validation' && validation.length > 0)) {
    throw notFound(path, names, folders);
  }
  const shared = validation.length === 0;
  const chosen = split === 'train' || shared ? train : validation;
  const files = chosen.map((name) => join(path, name));
  for (const file of files) await checkReadable(file);
  return { files, format: await oneFormat(path, files), shared };
}

async function checkReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((cause: unknown) => {
    throw new LoraShearError(
      'DATA_NOT_FOUND',
      `${file} cannot be read: ${(cause as Error).message}`,
      {
        hint: 'check its permissions, and that a link leads somewhere',
        facts: { file },
        cause,
      },
    );
  });
}

/** Where some files say `train`, only they are; where none does, all that name no other split are. */
function group(names: readonly string[]): { train: string[]; validation: string[] } {
  const splitOf = (name: string) => {
    const found = splitName.exec(name);
    return (found?.[1] ?? found?.[2])?.toLowerCase();
  };
  const train = names.filter((name) => splitOf(name) === 'train');
  const validation = names.filter((name) => !['train', 'test', undefined].includes(splitOf(name)));
  const unnamed = names.filter((name) => splitOf(name) === undefined);
  return { train: train.length > 0 ? train : unnamed, validation };
}

async function oneFormat(path: string, files: readonly string[]): Promise<FormatName> {
  const found = new Map<FormatName, string>();
  for (const file of files) found.set(await formatOf(file), basename(file));
  const [format] = found.keys();
  if (found.size === 1 && format) return format;
  const seen = [...found].map(([name, file]) => `${name} (${file})`).join(', ');
  throw new LoraShearError('DATA_INVALID', `${path} holds files of several formats: ${seen}`, {
    hint: 'keep one format in a folder, or give one file',
    facts: { path, formats: [...found.keys()] },
  });
}

function notFound(path: string, names: string[], folders: string[]): LoraShearError {
  const holds =
    names.length > 0
      ? `only ${names.join(', ')}`
      : folders.length > 0
        ? `only folders (${folders.slice(0, 5).join(', ')})`
        : 'none';
  return new LoraShearError(
    'DATA_NOT_FOUND',
    `${path} holds no training files: looked for train-*.parquet and other .parquet, .jsonl, .json or .txt files, found ${holds}`,
    {
      hint: folders.length > 0 ? 'give the folder in which the files are' : 'check the path',
      facts: { path },
    },
  );
}
