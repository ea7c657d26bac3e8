// How much lies in a folder that another program is filling and clearing.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a file, or of all files below a folder; what goes away meanwhile counts nothing. */
export function bytesBelow(path: string): number {
  const itself = statSync(path, { throwIfNoEntry: false });
  if (!itself?.isDirectory()) return itself?.size ?? 0;
  return entriesOf(path).reduce((sum, entry) => sum + bytesBelow(join(path, entry)), 0);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
