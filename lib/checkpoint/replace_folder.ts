// A folder that appears whole or not at all, in the place of what was there.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { discard, flushFolder, writeFailure } from './durable_file.js';

/**
 * Runs `write` with an empty folder beside `dir`, flushes it and gives it the name `dir`. Where anything fails, what was
 * at `dir` stays; files that `write` makes it has to flush itself.
 * @throws OUTPUT_FAILED when the disk refuses, and what `write` throws
 */
export function replaceFolder(dir: string, write: (partial: string) => void): void {
  const target = resolve(dir);
  const partial = join(dirname(target), `.${basename(target)}.partial`);
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    write(partial);
    flushFolder(partial);
    takePlace(partial, target);
  } catch (thrown) {
    discard(partial);
    throw writeFailure(dir, thrown);
  }
}

/** Renames `partial` to `target`; what was at `target` goes only once the new folder can take its place. */
function takePlace(partial: string, target: string): void {
  const former = join(dirname(target), `.${basename(target)}.former`);
  rmSync(former, { recursive: true, force: true });
  const replaced = existsSync(target);
  if (replaced) renameSync(target, former);
  try {
    renameSync(partial, target);
  } catch (thrown) {
    if (replaced) renameSync(former, target);
    throw thrown;
  }
  flushFolder(dirname(target));
  rmSync(former, { recursive: true, force: true });
}
