import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { releaseLock, takeLock } from '../../lib/run_folder/lock.js';

t.test(
  'when a lock is held, then nobody else gets it, and only its owner gives it back',
  async (t) => {
    const dir = t.testdir({});
    takeLock(dir, 'a');
    t.throws(() => takeLock(dir, 'b'), { code: 'OUTPUT_OCCUPIED', facts: { pid: process.pid } });
    releaseLock(dir, 'b');
    t.ok(existsSync(join(dir, '.lock')));
    releaseLock(dir, 'a');
    releaseLock(dir, 'a');
    takeLock(dir, 'b');
    releaseLock(dir, 'b');
    t.same(readdirSync(dir), []);
  },
);

t.test('when the holder was killed, then the lock is taken over', async (t) => {
  const dir = t.testdir({});
  takeLock(dir, 'a');
  const path = join(dir, '.lock');
  const holder = JSON.parse(readFileSync(path, 'utf8')) as object;
  for (const gone of [{ pid: 4_194_305 }, { started: 'another boot/1' }]) {
    writeFileSync(path, JSON.stringify({ ...holder, ...gone }));
    takeLock(dir, 'b');
    releaseLock(dir, 'b');
    t.notOk(existsSync(path));
  }
});

t.test('when the lock is damaged, then it is taken over', async (t) => {
  const dir = t.testdir({ '.lock': '{"pid"' });
  takeLock(dir, 'b');
  releaseLock(dir, 'b');
});

t.test('when the holder is on another machine, then it counts as alive', async (t) => {
  const host = `not-${hostname()}`;
  const dir = t.testdir({ '.lock': JSON.stringify({ owner: 'a', pid: 1, host, started: 'x' }) });
  t.throws(() => takeLock(dir, 'b'), { code: 'OUTPUT_OCCUPIED', message: host });
  t.same(readdirSync(dir), ['.lock']);
});

t.test('when the folder is not there, then OUTPUT_FAILED', async (t) => {
  t.throws(() => takeLock(join(t.testdir({}), 'no'), 'a'), { code: 'OUTPUT_FAILED' });
});
