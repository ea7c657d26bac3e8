import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import {
  cacheError,
  cacheFolder,
  makeFolder,
  withLock,
  writeAtomically,
} from '../../lib/setup/cache.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';

t.test(
  'when the cache is located, then LORASHEAR_CACHE wins over XDG_CACHE_HOME over home',
  (t) => {
    t.equal(cacheFolder({ LORASHEAR_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
    t.equal(cacheFolder({ LORASHEAR_CACHE: 'a' }), join(process.cwd(), 'a'));
    t.equal(cacheFolder({ XDG_CACHE_HOME: '/b' }), '/b/lorashear-native');
    t.equal(cacheFolder({}), join(homedir(), '.cache', 'lorashear-native'));
    t.end();
  },
);

t.test(
  'when two want the same lock, then the second waits, says so once, and runs after',
  async (t) => {
    const env = { LORASHEAR_CACHE: t.testdir() };
    const order: string[] = [];
    const events: SetupEvent[] = [];
    const first = withLock(
      'thing',
      () => undefined,
      async () => {
        order.push('first in');
        await sleep(700);
        order.push('first out');
      },
      env,
    );
    await sleep(50);
    await withLock(
      'thing',
      (event) => events.push(event),
      async () => {
        order.push('second');
      },
      env,
    );
    await first;
    t.same(order, ['first in', 'first out', 'second']);
    t.match(events, [{ kind: 'step', step: 'wait', text: /thing/ }]);
  },
);

t.test(
  'when the work under a lock fails, then its error comes through and the lock is free',
  async (t) => {
    const env = { LORASHEAR_CACHE: t.testdir() };
    const nothing = () => undefined;
    const failing = withLock('thing', nothing, () => Promise.reject(new Error('broken')), env);
    await t.rejects(failing, { message: 'broken' });
    t.equal(await withLock('thing', nothing, () => Promise.resolve(3), env), 3);
  },
);

t.test('when a file is written, then it is whole and nothing is left beside it', (t) => {
  const folder = join(t.testdir(), 'new');
  writeAtomically(join(folder, 'a.json'), '{"a":1}');
  writeAtomically(join(folder, 'a.json'), '{"a":2}');
  t.same(readdirSync(folder), ['a.json']);
  t.equal(readFileSync(join(folder, 'a.json'), 'utf8'), '{"a":2}');
  t.end();
});

t.test('when the cache folder cannot be made, then the error names LORASHEAR_CACHE', (t) => {
  const file = join(t.testdir({ file: 'x' }), 'file');
  t.throws(() => makeFolder(join(file, 'below')), {
    code: 'SETUP_CACHE_FAILED',
    hint: /LORASHEAR_CACHE/,
    facts: { reason: 'ENOTDIR' },
  });
  t.throws(() => writeAtomically(join(file, 'a.json'), '{}'), { code: 'SETUP_CACHE_FAILED' });
  t.end();
});

t.test('when the lock cannot be made, then the error names LORASHEAR_CACHE', async (t) => {
  const env = { LORASHEAR_CACHE: t.testdir({ locks: 'a file' }) };
  const work = () => Promise.resolve(1);
  await t.rejects(
    withLock('thing', () => undefined, work, env),
    {
      code: 'SETUP_CACHE_FAILED',
      hint: /LORASHEAR_CACHE/,
    },
  );
});

t.test('when a write fails, then nothing is left beside', (t) => {
  const folder = t.testdir({ 'a.json': {} });
  t.throws(() => writeAtomically(join(folder, 'a.json'), '{}'), { code: 'SETUP_CACHE_FAILED' });
  t.same(readdirSync(folder), ['a.json']);
  t.end();
});

t.test('when the disk is full, then the hint is about space, and other errors stay', (t) => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  t.match(cacheError(full, '/a'), { code: 'SETUP_CACHE_FAILED', hint: /free some space/ });
  const defect = new TypeError('a defect');
  t.equal(cacheError(defect, '/a'), defect);
  t.end();
});

t.test('when the holder of a lock is killed, then the next takes it over', async (t) => {
  const env = { LORASHEAR_CACHE: t.testdir() };
  const url = new URL('../../lib/setup/cache.js', import.meta.url).href;
  const script = `import { withLock } from '${url}';
    await withLock('thing', () => {}, () => new Promise((never) => setInterval(never, 1e9).ref() && process.stdout.write('in')));`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { env });
  await new Promise((entered) => holder.stdout.once('data', entered));
  holder.kill('SIGKILL');
  await new Promise((gone) => holder.on('close', gone));
  const lock = join(env.LORASHEAR_CACHE, 'locks', 'thing.lock');
  t.ok(existsSync(lock), 'it had no chance to release');
  // The lock is of no worth once it was not renewed for 20 s; the test does not wait for that.
  const longAgo = Date.now() / 1000 - 60;
  utimesSync(lock, longAgo, longAgo);
  t.equal(
    await withLock(
      'thing',
      () => undefined,
      () => Promise.resolve(3),
      env,
    ),
    3,
  );
  t.notOk(existsSync(lock));
});
