import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { fileChunks } from '../../lib/data/file_chunks.js';

/** How often this process has `path` open. */
function opened(path: string): number {
  const target = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the folder's own, closed by now
    }
  };
  return readdirSync('/proc/self/fd').filter((fd) => target(fd) === path).length;
}

t.test(
  'when a file is read in pieces, then they are its bytes, and it is closed at once',
  async (t) => {
    const path = join(t.testdir({}), 'bytes');
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
    writeFileSync(path, bytes);
    const pieces: Buffer[] = [];
    for await (const piece of fileChunks(path, 64)) {
      if (pieces.length === 0) t.equal(opened(path), 1, 'the test sees it open');
      pieces.push(piece);
    }
    t.equal(opened(path), 0);
    t.ok(pieces.every(({ length }) => length <= 64));
    t.strictSame(Buffer.concat(pieces), bytes);

    for await (const piece of fileChunks(path, 64)) {
      t.equal(piece.length, 64);
      break;
    }
    t.equal(opened(path), 0, 'after a loop that was left');
    const failing = async (): Promise<void> => {
      for await (const _ of fileChunks(path, 64)) throw new Error('stop');
    };
    await t.rejects(failing(), { message: 'stop' });
    t.equal(opened(path), 0, 'after an error');
    await t.rejects(fileChunks(join(path, 'none')).next(), { code: 'ENOTDIR' });
  },
);
