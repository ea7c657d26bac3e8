// Where results go: bench/results of a clone; an installed package keeps its hands off its own folder.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Result } from './result.js';

const ofClone = fileURLToPath(new URL('../../bench/results/', import.meta.url));

/** `bench/results` of a clone, else `bench-results` below `cwd`. */
export function resultsFolder(clone = ofClone, cwd = process.cwd()): string {
  return existsSync(clone) ? clone : resolve(cwd, 'bench-results');
}

/** A new file in it, for example `2026-11-24T10-31-05-boundary.jsonl`. */
export function newResultFile(results: readonly Result[], folder = resultsFolder()): string {
  const names = new Set(results.map(({ suite }) => suite));
  const what = names.size === 1 ? [...names].join('') : `${names.size}-suites`;
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return join(folder, `${stamp}-${what}.jsonl`);
}
