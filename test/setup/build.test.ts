import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { addonFor, addonPath } from '../../lib/setup/addon_path.js';
import { ensureNative, readProgress } from '../../lib/setup/build.js';
import { inspectLibtorch } from '../../lib/setup/inspect.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';
import { elfHeader } from './elf_fixture.js';
import { fakeProgram } from './fake_program.js';
import { fakeLibtorch } from './libtorch_fixture.js';

t.test('when ninja or make tell how far they are, then that is understood', (t) => {
  t.same(readProgress('[1/20] Building\n[3/20] Building a.cc\n'), { done: 3, total: 20 });
  t.same(readProgress('[ 15%] Building\n[100%] Linking\n'), { done: 100, total: 100 });
  t.equal(readProgress('a warning about array[3/4]\n'), undefined);
  t.end();
});

t.test('when the addon is there, then nothing is done and nothing told', async (t) => {
  const root = t.testdir();
  const folder = fakeLibtorch(join(root, 'torch'));
  const env = { LORASHEAR_LIBTORCH: folder, LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  const { path } = addonFor(inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', ''), env);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, elfHeader(62));
  const events: SetupEvent[] = [];
  const native = await ensureNative((event) => events.push(event), { env });
  t.match(native, { addon: path, libtorch: { folder } });
  t.same(events, []);
});

t.test('when compiler, cmake and make are missing, then the error names all three', async (t) => {
  const root = t.testdir();
  const folder = fakeLibtorch(join(root, 'torch'));
  const env = { LORASHEAR_LIBTORCH: folder, LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  await t.rejects(
    ensureNative(() => undefined, { env }),
    {
      code: 'SETUP_NO_COMPILER',
      message: /compiler.*cmake.*ninja or make/,
      hint: /apt-get install/,
    },
  );
});

t.test(
  'when the build fails, then the error shows why and where the log is, and no addon is left',
  async (t) => {
    const root = t.testdir();
    const folder = fakeLibtorch(join(root, 'torch'));
    const script = 'echo "a.cc:1:1: error: no such thing" >&2; exit 1';
    const bin = fakeProgram(root, 'cmake', script);
    for (const name of ['c++', 'ninja']) fakeProgram(root, name, 'exit 0');
    const env = {
      LORASHEAR_LIBTORCH: folder,
      LORASHEAR_CACHE: join(root, 'cache'),
      PATH: `${bin}:/bin:/usr/bin`,
    };
    const failing = ensureNative(() => undefined, { env });
    await t.rejects(failing, { code: 'SETUP_BUILD_FAILED', message: /no such thing/ });
    const { facts } = (await failing.catch((error: unknown) => error)) as {
      facts: { log: string };
    };
    t.ok(existsSync(facts.log));
    t.notOk(existsSync(join(root, 'cache', 'addon')));
  },
);

t.test(
  'when the build gives a file that does not load, then it does not reach the cache',
  async (t) => {
    const root = t.testdir();
    const folder = fakeLibtorch(join(root, 'torch'));
    const script = 'mkdir -p Release; echo "not an addon" > Release/lorashear.node; exit 0';
    const bin = fakeProgram(root, 'cmake', script);
    for (const name of ['c++', 'ninja']) fakeProgram(root, name, 'exit 0');
    const env = {
      LORASHEAR_LIBTORCH: folder,
      LORASHEAR_CACHE: join(root, 'cache'),
      PATH: `${bin}:/bin:/usr/bin`,
    };
    await t.rejects(
      ensureNative(() => undefined, { env }),
      { code: 'NATIVE_LOAD_FAILED' },
    );
    const [key = ''] = readdirSync(join(root, 'cache', 'addon'));
    t.same(readdirSync(join(root, 'cache', 'addon', key)), []);
  },
);

/** A build that gives `file` as the addon, in an environment of its own. */
function fakeBuild(root: string, script: string) {
  const folder = fakeLibtorch(join(root, 'torch'));
  const bin = fakeProgram(root, 'cmake', script);
  for (const name of ['c++', 'ninja']) fakeProgram(root, name, 'exit 0');
  const env = {
    LORASHEAR_LIBTORCH: folder,
    LORASHEAR_CACHE: join(root, 'cache'),
    PATH: `${bin}:/bin:/usr/bin`,
  };
  const { path } = addonFor(inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', ''), env);
  return { env, path };
}

/** The addon of this machine, which loads. */
function builtAddon(): string {
  const path = addonPath();
  if (!path) throw new Error('this test needs the addon: node scripts/bootstrap.mjs');
  return path;
}

t.test('when the addon in the cache is cut off, then it is built anew, and so said', async (t) => {
  const { env, path } = fakeBuild(
    t.testdir(),
    `mkdir -p Release; cp '${builtAddon()}' Release/lorashear.node`,
  );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, readFileSync(builtAddon()).subarray(0, 5000));
  const events: SetupEvent[] = [];
  await ensureNative((event) => events.push(event), { env });
  t.ok(readFileSync(path).equals(readFileSync(builtAddon())));
  t.match(events[0], { kind: 'note', text: /damaged/ });
  t.same(readdirSync(dirname(path)), ['lorashear.node']);
});

t.test('when it does not load, then only who asks for it finds out, and mends it', async (t) => {
  const { env, path } = fakeBuild(
    t.testdir(),
    `mkdir -p Release; cp '${builtAddon()}' Release/lorashear.node`,
  );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, elfHeader(62));
  const events: SetupEvent[] = [];
  await ensureNative((event) => events.push(event), { env });
  t.same(events, [], 'its presence was enough');
  await ensureNative((event) => events.push(event), { env, verify: true });
  t.ok(readFileSync(path).equals(readFileSync(builtAddon())));
  events.length = 0;
  await ensureNative((event) => events.push(event), { env, verify: true });
  t.same(events, [], 'nothing twice');
});

t.test('when the disk is full, then the hint is about space', async (t) => {
  const full = 'echo "fatal error: error writing to a.o: No space left on device" >&2; exit 1';
  await t.rejects(
    ensureNative(() => undefined, fakeBuild(t.testdir(), full)),
    {
      code: 'SETUP_CACHE_FAILED',
      hint: /free some space/,
    },
  );
});

t.test('when memory runs out, then the hint says so', async (t) => {
  const killed = 'echo "fatal error: Killed signal terminated program cc1plus" >&2; exit 1';
  await t.rejects(
    ensureNative(() => undefined, fakeBuild(t.testdir(), killed)),
    {
      code: 'SETUP_BUILD_FAILED',
      hint: /memory/,
    },
  );
});
