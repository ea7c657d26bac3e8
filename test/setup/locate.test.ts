import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { chosenLibtorch, fetchedFolder, locateLibtorch } from '../../lib/setup/locate.js';
import { hasNvidiaDriver } from '../../lib/setup/machine.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';
import { fakeProgram } from './fake_program.js';
import { fakeLibtorch } from './libtorch_fixture.js';

const silent = () => undefined;
const device = hasNvidiaDriver() ? 'cuda' : 'cpu';

t.test('when there is none, then nothing is found and nothing remembered', async (t) => {
  const env = { LORASHEAR_CACHE: join(t.testdir(), 'cache'), PATH: '' };
  t.equal(await locateLibtorch(silent, env), undefined);
  t.equal(chosenLibtorch(env), undefined);
  t.notOk(existsSync(env.LORASHEAR_CACHE));
});

t.test('when LORASHEAR_LIBTORCH is set, then it wins over Python and the cache', async (t) => {
  const root = t.testdir();
  const named = fakeLibtorch(join(root, 'named'), { version: [2, 13, 0] });
  const inPython = fakeLibtorch(join(root, 'python', 'torch'));
  const PATH = fakeProgram(root, 'python3', `echo ${inPython}`);
  const env = { LORASHEAR_LIBTORCH: named, LORASHEAR_CACHE: join(root, 'cache'), PATH };
  fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
  t.match(await locateLibtorch(silent, env), { folder: named, origin: 'LORASHEAR_LIBTORCH' });
  t.match(chosenLibtorch(env), { folder: named });
});

t.test(
  'when LORASHEAR_LIBTORCH does not serve, then that is an error, not a reason to search on',
  async (t) => {
    const root = t.testdir();
    const env = { LORASHEAR_LIBTORCH: root, LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
    fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
    await t.rejects(locateLibtorch(silent, env), { code: 'LIBTORCH_INVALID' });
    t.throws(() => chosenLibtorch(env), { code: 'LIBTORCH_INVALID' });
  },
);

t.test(
  'when Python imports a torch, then it is chosen, remembered, and forgotten when it goes',
  async (t) => {
    const root = t.testdir();
    const folder = fakeLibtorch(join(root, 'site-packages', 'torch'));
    const PATH = fakeProgram(root, 'python3', `echo ${folder}`);
    const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
    fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
    t.match(await locateLibtorch(silent, env), { folder, origin: 'python', why: /imports it/ });
    t.match(chosenLibtorch(env), { folder, origin: 'python' });
    t.equal(chosenLibtorch({ ...env, PATH: '' }), undefined, 'not with another Python');
    rmSync(folder, { recursive: true });
    t.equal(chosenLibtorch(env), undefined);
  },
);

t.test(
  'when the torch of Python is too old, then that is noted and the cache is used',
  async (t) => {
    const root = t.testdir();
    const old = fakeLibtorch(join(root, 'site-packages', 'torch'), { version: [2, 4, 0] });
    const PATH = fakeProgram(root, 'python3', `echo ${old}`);
    const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
    const folder = fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
    const events: SetupEvent[] = [];
    const found = await locateLibtorch((event) => events.push(event), env);
    t.match(found, { folder, origin: 'cache', why: device === 'cpu' ? /CPU set/ : /CUDA set/ });
    t.match(events, [{ kind: 'note', text: /2\.4\.0/ }]);
  },
);

t.test('when Python has no torch or fails, then the search goes on', async (t) => {
  const root = t.testdir();
  for (const script of ['echo', 'exit 1']) {
    const PATH = fakeProgram(root, 'python3', script);
    t.equal(
      await locateLibtorch(silent, { LORASHEAR_CACHE: join(root, 'cache'), PATH }),
      undefined,
    );
  }
});

t.test('when the cached libtorch is damaged, then it is noted and not used', async (t) => {
  const env = { LORASHEAR_CACHE: join(t.testdir(), 'cache'), PATH: '' };
  const folder = fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
  rmSync(join(folder, 'lib', 'libc10.so'));
  const events: SetupEvent[] = [];
  t.equal(await locateLibtorch((event) => events.push(event), env), undefined);
  t.match(events, [{ kind: 'note', text: /libc10/ }]);
  t.same(readdirSync(join(env.LORASHEAR_CACHE, 'libtorch')).length, 1, 'no choice remembered');
});

t.test(
  'when the cache is filled and read-only, then its libtorch is found all the same',
  async (t) => {
    const env = { LORASHEAR_CACHE: join(t.testdir(), 'cache'), PATH: '' };
    const folder = fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
    await locateLibtorch(silent, env);
    const [choice = ''] = readdirSync(join(env.LORASHEAR_CACHE, 'libtorch')).filter((name) =>
      name.startsWith('choice-'),
    );
    const path = join(env.LORASHEAR_CACHE, 'libtorch', choice);
    const { mtimeNs, ino } = statSync(path, { bigint: true });
    t.match(await locateLibtorch(silent, env), { folder, origin: 'cache' });
    t.match(statSync(path, { bigint: true }), { mtimeNs, ino }, 'nothing was written');
  },
);
