import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { cacheFolder, makeFolder, withLock, writeAtomically } from '../../lib/setup/cache.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';

t.test(
  'when the cache is located, then LORASHEAR_CACHE wins over XDG_CACHE_HOME over home',
  (t) => {
    t.equal(cacheFolder({ LORASHEAR_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
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
    code: 'SETUP_DOWNLOAD_FAILED',
    hint: /LORASHEAR_CACHE/,
  });
  t.end();
});
