// Datasets as the Hugging Face hub's cache keeps them: refs/main names the snapshot that is read. Nothing is ever fetched.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, sep } from 'node:path';
import { LoraShearError } from '../errors.js';
import { formatByExtension } from './formats.js';

/**
 * The folder with `datasets--org--name` folders: $HF_HUB_CACHE, $HF_HOME/hub, or the default of huggingface_hub.
 * The command line calls it with its environment; nothing below reads one.
 */
export function hubCacheFolder(env: Readonly<Record<string, string | undefined>> = {}): string {
  if (env['HF_HUB_CACHE']) return env['HF_HUB_CACHE'];
  const cache = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(env['HF_HOME'] || join(cache, 'huggingface'), 'hub');
}

/** The folder of a dataset in a hub cache, or in the one of the HF_HOME given; it need not be there. */
export function hubDataset(folder: string, id: string): string {
  const hub = existsSync(join(folder, 'hub')) ? join(folder, 'hub') : folder;
  return join(hub, `datasets--${id.replaceAll('/', '--')}`);
}

/** The snapshot that `main` names; undefined where there is none. */
export function snapshotFolder(dataset: string): string | undefined {
  const main = join(dataset, 'refs', 'main');
  if (!existsSync(main)) return undefined;
  const snapshot = join(dataset, 'snapshots', readFileSync(main, 'utf8').trim());
  return existsSync(snapshot) ? snapshot : undefined;
}

/**
 * Where the files are that `path` means: of `…/datasets--org--name`, with or without one of its folders behind, the folder
 * of the snapshot that holds data; any other path is itself.
 * @throws DATA_NOT_FOUND saying where it looked and how to get the dataset; also where several folders hold data
 */
export function dataFolder(path: string): string {
  const parts = path.split(sep);
  const at = parts.findIndex((part) => /^datasets--.+--.+/.test(part));
  if (at < 0 || parts[at + 1] === 'snapshots') return path;
  const dataset = parts.slice(0, at + 1).join(sep);
  const [org, ...name] = (parts[at] as string).split('--').slice(1);
  const id = `${org ?? ''}/${name.join('--')}`;
  const inside = parts.slice(at + 1);
  const snapshot = snapshotFolder(dataset);
  const folder = join(snapshot ?? join(dataset, 'snapshots', '<revision>'), ...inside);
  if (snapshot === undefined || !existsSync(folder)) throw notCached(id, inside, folder);
  if (holdsData(folder)) return folder;
  const found = readdirSync(folder)
    .filter((entry) => statSync(join(folder, entry)).isDirectory())
    .filter((entry) => holdsData(join(folder, entry)))
    .sort();
  if (found.length === 1) return join(folder, ...found);
  if (found.length === 0) throw notCached(id, inside, folder);
  const examples = `${id}/${[...inside, found[0]].join('/')}`;
  throw new LoraShearError(
    'DATA_NOT_FOUND',
    `${id} has several folders of data in ${folder}: ${found.join(', ')}`,
    { hint: `name one of them: ${examples}`, facts: { id, folder, found } },
  );
}

function holdsData(folder: string): boolean {
  return readdirSync(folder).some(
    (entry) => !/^dataset_infos?\.json$/.test(entry) && formatByExtension(entry) !== undefined,
  );
}

function notCached(id: string, inside: readonly string[], folder: string): LoraShearError {
  const only = inside.length > 0 ? ` --include "${inside.join('/')}/*"` : '';
  return new LoraShearError(
    'DATA_NOT_FOUND',
    `there is no file or folder ${id}, and no dataset of this name in the hub cache: no parquet, JSON or text files in ${folder}`,
    {
      hint: `get it with \`hf download ${id} --repo-type dataset${only}\`, or name the cache that has it (HF_HUB_CACHE, HF_HOME)`,
      facts: { id, folder },
    },
  );
}
