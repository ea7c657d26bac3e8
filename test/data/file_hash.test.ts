// The hash of a file is that of its bytes, and is computed once as long as they stay.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { fileHash } from '../../lib/data/file_hash.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

t.test('when a file stays as it is, then it is read once; when it changes, again', async (t) => {
  const dir = t.testdir({ 'a.txt': 'one' });
  const path = join(dir, 'a.txt');
  let pieces = 0;
  const hashed = async (): Promise<string> => {
    const hash = await fileHash(path, () => pieces++);
    return hash.toString('hex');
  };
  t.equal(await hashed(), sha256('one'));
  writeFileSync(path, 'two'); // as long, and perhaps within the same tick
  t.equal(await hashed(), sha256('two'));
  t.equal(pieces, 2, 'what has just changed is always read');
  await wait(2100);
  t.equal(await hashed(), sha256('two'));
  t.equal(pieces, 3);
  const again = await fileHash(path, () => pieces++);
  t.equal(again.toString('hex'), sha256('two'));
  t.equal(pieces, 3, 'known');
  again.fill(0);
  t.equal(await hashed(), sha256('two'), 'the caller owns what it gets');
  writeFileSync(path, 'six');
  t.equal(await hashed(), sha256('six'));
  t.equal(pieces, 4);
});

t.test('when hashing stops on the way, then nothing is remembered', async (t) => {
  const path = join(t.testdir({ 'a.txt': 'one' }), 'a.txt');
  const stop = (): void => {
    throw new Error('stopped');
  };
  await t.rejects(fileHash(path, stop), { message: 'stopped' });
  await t.rejects(fileHash(path, stop), { message: 'stopped' });
  await t.rejects(fileHash(join(path, 'b')), { code: 'ENOTDIR' });
});
