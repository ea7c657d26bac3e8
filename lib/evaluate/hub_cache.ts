// Documents of a dataset as the Hugging Face hub's cache keeps them: refs/main names the snapshot that is read.
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hubDataset, snapshotFolder } from '../data/hub_cache.js';
import { parquet } from '../data/parquet.js';
import { LoraShearError } from '../errors.js';
import type { Row } from './task.js';

export interface HubSplit {
  /** `org/name` */
  readonly path: string;
  /** Configuration, a folder of the dataset; null where it has one only. */
  readonly name: string | null;
  readonly split: string;
}

/**
 * All rows of a split, in order. `folder` is a hub cache or the HF_HOME above one.
 * @throws LoraShearError `DATA_NOT_FOUND` with the folder that was expected and the download command;
 * `DATA_INVALID` when a file is not readable
 */
export async function readHubSplit(folder: string, split: HubSplit): Promise<Row[]> {
  const rows: Row[] = [];
  for (const file of splitFiles(folder, split)) {
    for await (const { value } of parquet.records(file, {})) rows.push(plain(value) as Row);
  }
  return rows;
}

/** `validation-00000-of-00001.parquet` and its like, sorted, of one configuration. */
function splitFiles(folder: string, { path, name, split }: HubSplit): string[] {
  const dataset = hubDataset(folder, path);
  const snapshot = snapshotFolder(dataset);
  const wanted = new RegExp(`^${split}[-.].*parquet$`);
  const found =
    snapshot === undefined
      ? []
      : readdirSync(snapshot, { recursive: true, encoding: 'utf8' })
          .filter((file) => wanted.test(basename(file)))
          .filter((file) => name === null || dirname(file).split(/[\\/]/).includes(name))
          .sort();
  if (snapshot !== undefined && found.length > 0) return found.map((file) => join(snapshot, file));
  const expected = join(
    snapshot ?? join(dataset, 'snapshots', '<revision>'),
    name ?? '**',
    `${split}-*.parquet`,
  );
  throw new LoraShearError('DATA_NOT_FOUND', `${path} is not in the hub cache: no ${expected}`, {
    hint: `huggingface-cli download --repo-type dataset ${path}, or name the folder that has it (HF_HOME)`,
    facts: { path, name, split, expected, hub: dirname(dataset) },
  });
}

/** Whole numbers as numbers: parquet's int64 columns come as bigint. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
