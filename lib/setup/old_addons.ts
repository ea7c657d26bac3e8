// Keeps the cache from filling with addons that nobody loads any more.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const keptAddons = 10;
const keptDays = 7;

/**
 * Every change of a native source makes a new addon in `folder`; beyond {@link keptAddons} those go that were built more
 * than {@link keptDays} ago: younger ones may be another clone's.
 */
export function forgetOldAddons(folder: string, now = Date.now()): void {
  const byAge = readdirSync(folder)
    .map((name) => ({ name, time: modified(join(folder, name)) }))
    .sort((a, b) => b.time - a.time);
  const oldest = now - keptDays * 86_400_000;
  for (const { name } of byAge.slice(keptAddons).filter(({ time }) => time < oldest)) {
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** 0 where another process has just removed it. */
const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
