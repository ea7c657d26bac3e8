// Sources and instructions that are no files but datasets: a preset's name, or `org/name` of the hub, found in its cache.
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { formatByExtension } from '../data/formats.js';
import { hubDataset } from '../data/hub_cache.js';
import { type Preset, presetOf } from '../data/presets.js';
import { isRaw, type RawObject } from './normalise.js';

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
      owner['path'] = join(hubDataset(hub, preset.id), preset.folder ?? '');
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
