// Sources and instructions that are no files but datasets: a preset's name, or `org/name` of the hub, found in its cache.
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { formatByExtension } from '../data/formats.js';
import { dataFolder, hubDataset } from '../data/hub_cache.js';
import { type Preset, presetOf, presets } from '../data/presets.js';
import { isRaw, type RawObject } from './normalise.js';

/** Of a text that nobody asked for by name: enough for any default budget, little enough to be read in minutes. */
const tokensOfDefault = 10_000_000;

const texts = Object.entries(presets).filter(([, { kind }]) => kind === 'text');

const folderOf = ({ id, folder = '' }: Preset, hub: string): string =>
  join(hubDataset(hub, id), folder);

/**
 * The sources of a job that names none: the paper's texts (§3.5) as far as the hub cache has them, cleaned, the first 10 million
 * tokens of each split. Changes `job` in place; without any of them in the cache it stays as it is.
 */
export function defaultSources(job: RawObject, hub: string): void {
  if (job['sources'] !== undefined) return;
  const found = texts.filter(([, preset]) => isCached(folderOf(preset, hub)));
  if (found.length === 0) return;
  job['sources'] = found.map(([name, preset]) => ({
    ...{ name, path: folderOf(preset, hub), clean: true, max_tokens: tokensOfDefault },
    ...(preset.column === undefined ? {} : { text_column: preset.column }),
  }));
}

function isCached(folder: string): boolean {
  try {
    return existsSync(dataFolder(folder));
  } catch {
    return false;
  }
}

/** Where the default texts were looked for, and the commands that get them. */
export function whereDefaults(hub: string): { looked: string[]; commands: string[] } {
  return {
    looked: texts.map(([, preset]) => folderOf(preset, hub)),
    commands: texts.map(([, { id, folder }]) => {
      const only = folder === undefined ? '' : ` --include "${folder}/*"`;
      return `hf download ${id} --repo-type dataset${only}`;
    }),
  };
}

/**
 * Puts the cache's folder in the place of every path that is not on disk and names a dataset: a preset, or `org/name` with
 * or without a folder of it where there is no folder `org`. A preset also says the column, and switches the cleaning on.
 * Whether the cache has it is found out when it is read (lib/data/hub_cache.ts).
 * @param job normalised; changed in place
 * @param bases where relative paths may have started
 */
export function placeHubSources(job: RawObject, bases: readonly string[], hub: string): void {
  const sources = Array.isArray(job['sources']) ? job['sources'] : [];
  for (const source of sources) {
    const preset = place(source, bases, hub);
    if (preset?.kind !== 'text' || !isRaw(source)) continue;
    if (preset.column !== undefined) source['text_column'] ??= preset.column;
    source['clean'] ??= true;
  }
  place(job['instruct'], bases, hub);
}

function place(owner: unknown, bases: readonly string[], hub: string): Preset | undefined {
  if (!isRaw(owner) || typeof owner['path'] !== 'string' || existsSync(owner['path'])) return;
  for (const base of bases) {
    const name = relative(base, owner['path']);
    const preset = presetOf(name);
    if (preset) {
      owner['path'] = folderOf(preset, hub);
      return preset;
    }
    const [org, set, ...folder] = name.split('/') as [string, ...string[]];
    const local = set === undefined || !/^\w[\w.-]*$/.test(org) || dirname(base) === base;
    if (local || name.includes('datasets--') || formatByExtension(name) !== undefined) continue;
    if (!existsSync(base) || existsSync(join(base, org))) continue;
    owner['path'] = join(hubDataset(hub, `${org}/${set}`), ...folder);
    return undefined;
  }
  return undefined;
}
