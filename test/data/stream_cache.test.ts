import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCached, writeCached } from '../../lib/data/stream_cache.js';

const stream = {
  ids: Int32Array.of(1, 300, -1, 70_000, 2),
  documentStarts: Int32Array.of(0, 3),
  tokens: 5,
  documents: 2,
  duplicates: 0,
  hash: 'abc',
};

t.test('when a stream is written, then it is read back equal, little-endian on disk', async (t) => {
  const dir = join(t.testdir(), 'new/cache');
  await writeCached(dir, stream);
  t.strictSame(await readCached(dir, 'abc'), stream);
  t.strictSame(readdirSync(dir).sort(), ['abc.ids', 'abc.json'], 'nothing left beside');
  const bytes = readFileSync(join(dir, 'abc.ids'));
  t.strictSame(
    [0, 4, 8, 12, 16, 20, 24].map((at) => bytes.readInt32LE(at)),
    [1, 300, -1, 70_000, 2, 0, 3],
  );
});

t.test('when an entry is damaged or not whole, then it counts as missing', async (t) => {
  const dir = t.testdir();
  t.equal(await readCached(dir, 'abc'), undefined);
  const ids = join(dir, 'abc.ids');
  await writeCached(dir, stream);
  truncateSync(ids, 24);
  t.equal(await readCached(dir, 'abc'), undefined, 'cut short');
  await writeCached(dir, stream);
  const bytes = readFileSync(ids);
  bytes[5] = bytes[5]! ^ 1;
  writeFileSync(ids, bytes);
  t.equal(await readCached(dir, 'abc'), undefined, 'one bit');
  await writeCached(dir, stream);
  t.strictSame(await readCached(dir, 'abc'), stream, 'written again');
  rmSync(join(dir, 'abc.json'));
  t.equal(await readCached(dir, 'abc'), undefined, 'killed between the two files');
});

t.test(
  'when documents have fingerprints, then those are read back, and what was left out',
  async (t) => {
    const dir = t.testdir();
    const known = {
      ...stream,
      duplicates: 3,
      fingerprints: Int32Array.of(1, 2, 3, 4, 5, 6, 7, -8),
    };
    await writeCached(dir, known);
    t.strictSame(await readCached(dir, 'abc'), known);
  },
);
