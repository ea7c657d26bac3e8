import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { withLock } from '../../lib/setup/cache.js';
import { ensureLibtorch } from '../../lib/setup/libtorch.js';
import { fetchedFolder } from '../../lib/setup/locate.js';
import { hasNvidiaDriver } from '../../lib/setup/machine.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';
import { fakeProgram } from './fake_program.js';
import { fakeLibtorch } from './libtorch_fixture.js';

const device = hasNvidiaDriver() ? 'cuda' : 'cpu';

t.test('when one is found, then nothing is fetched or told', async (t) => {
  const env = { LORASHEAR_CACHE: t.testdir(), PATH: '' };
  const folder = fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
  const events: SetupEvent[] = [];
  t.match(await ensureLibtorch((event) => events.push(event), env), { folder, origin: 'cache' });
  t.same(events, []);
});

t.test(
  'when the fetch fails, then its error comes through and the cache has no libtorch',
  async (t) => {
    const root = t.testdir();
    // Answers the probe for an installed torch with none, and pip with a failure.
    const script = 'case "$2" in *find_spec*) echo;; *) echo "no network" >&2; exit 1;; esac';
    const PATH = `${fakeProgram(root, 'python3', script)}:/bin:/usr/bin`;
    const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
    const events: SetupEvent[] = [];
    await t.rejects(
      ensureLibtorch((event) => events.push(event), env),
      {
        code: 'SETUP_DOWNLOAD_FAILED',
        message: /no network/,
      },
    );
    t.match(events[0], { kind: 'step', step: 'download', text: /libtorch 2\.11\.0/ });
    t.notOk(existsSync(fetchedFolder(device, env)));
  },
);

t.test('when another process fetched it meanwhile, then it is not fetched again', async (t) => {
  const root = t.testdir();
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  let release: () => void = () => undefined;
  let other: Promise<void> | undefined;
  await new Promise<void>((entered) => {
    const hold = () => {
      entered();
      return new Promise<void>((resolve) => (release = resolve));
    };
    other = withLock('libtorch', () => undefined, hold, env);
  });
  const events: SetupEvent[] = [];
  const ours = ensureLibtorch((event) => {
    events.push(event);
    fakeLibtorch(join(fetchedFolder(device, env), 'torch'));
    release();
  }, env);
  t.match(await ours, { origin: 'cache' });
  await other;
  t.match(events, [{ kind: 'step', step: 'wait' }]);
});

t.test('when a damaged one is in the cache, then it is fetched anew', async (t) => {
  const root = t.testdir();
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  const folder = fetchedFolder(device, env);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'lorashear.json'), '{');
  const notes: string[] = [];
  const failing = ensureLibtorch((event) => {
    if (event.kind === 'note') notes.push(event.text);
  }, env);
  await t.rejects(failing, { code: 'SETUP_NO_PYTHON' }, 'it tried to fetch');
  t.equal(notes.length, 1);
  t.same(readdirSync(dirname(folder)), [basename(folder)]);
});
