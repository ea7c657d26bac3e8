import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { downloadsFolder, fetchWheels } from '../../lib/setup/fetch.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';
import type { Wheel } from '../../lib/setup/wheels.js';
import { fakeProgram } from './fake_program.js';

const content = 'the bytes of a wheel\n';
const wheel: Wheel = {
  name: 'nvidia-thing',
  version: '1.2.3',
  sha256: createHash('sha256').update(content).digest('hex'),
  megabytes: 1,
};
const file = 'nvidia_thing-1.2.3-py3-none-any.whl';

/** Stands in for pip's `download … -d DIR -r FILE`: notes its arguments, writes `text` into DIR. */
const pip = (text: string, log: string) => `
echo "$@" >> ${log}
while [ $# -gt 0 ]; do
  [ "$1" = -d ] && printf '${text.replace('\n', '\\n')}' > "$2/${file}"
  [ "$1" = -r ] && cat "$2" >> ${log}
  shift
done`;

t.test('when a wheel is fetched, then pip gets name, version, hash and platform', async (t) => {
  const root = t.testdir();
  const log = join(root, 'log');
  const env = {
    LORASHEAR_CACHE: join(root, 'cache'),
    PATH: `${fakeProgram(root, 'python3', pip(content, log))}:/bin:/usr/bin`,
  };
  const events: SetupEvent[] = [];
  const paths = await fetchWheels([wheel], 'linux-x64', (event) => events.push(event), env);
  t.same(paths, [join(downloadsFolder(env), file)]);
  t.equal(readFileSync(paths[0]!, 'utf8'), content);
  t.same(readdirSync(downloadsFolder(env)), [file], 'nothing else is left');
  const asked = readFileSync(log, 'utf8');
  t.match(asked, /download --no-deps --only-binary=:all: --require-hashes/);
  t.match(asked, /--platform manylinux_2_28_x86_64/);
  t.match(asked, `nvidia-thing==1.2.3 --hash=sha256:${wheel.sha256}`);
  t.match(events.at(-1), { kind: 'progress', step: 'download', done: 1e6, total: 1e6 });

  await fetchWheels([wheel], 'linux-x64', () => undefined, env);
  t.equal(readFileSync(log, 'utf8'), asked, 'a whole wheel is not fetched twice');
});

t.test('when pip delivers another file, then it is refused and nothing is kept', async (t) => {
  const root = t.testdir();
  const PATH = `${fakeProgram(root, 'python3', pip('other', join(root, 'log')))}:/bin:/usr/bin`;
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
  await t.rejects(
    fetchWheels([wheel], 'linux-x64', () => undefined, env),
    {
      code: 'LIBTORCH_HASH_MISMATCH',
      facts: { wheel: 'nvidia-thing', expected: wheel.sha256 },
    },
  );
  t.same(readdirSync(downloadsFolder(env)), []);
});

t.test('when pip itself finds the hash wrong, then the error is the same', async (t) => {
  const root = t.testdir();
  const got = 'ab'.repeat(32);
  const script = `echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"; echo "  Got        ${got}"; exit 1`;
  const PATH = `${fakeProgram(root, 'python3', script)}:/bin:/usr/bin`;
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
  await t.rejects(
    fetchWheels([wheel], 'linux-x64', () => undefined, env),
    {
      code: 'LIBTORCH_HASH_MISMATCH',
      facts: { found: got },
    },
  );
});

t.test(
  'when there is no network, then the error shows what pip said and the ways without',
  async (t) => {
    const root = t.testdir();
    const script = 'echo "ERROR: Could not find a version" >&2; exit 1';
    const PATH = `${fakeProgram(root, 'python3', script)}:/bin:/usr/bin`;
    const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
    await t.rejects(
      fetchWheels([wheel], 'linux-x64', () => undefined, env),
      {
        code: 'SETUP_DOWNLOAD_FAILED',
        message: /Could not find a version/,
        hint: /LORASHEAR_LIBTORCH/,
      },
    );
    t.same(readdirSync(downloadsFolder(env)), []);
  },
);

t.test('when the disk is full, then the hint is about space', async (t) => {
  const root = t.testdir();
  const script = 'echo "OSError: [Errno 28] No space left on device" >&2; exit 2';
  const PATH = `${fakeProgram(root, 'python3', script)}:/bin:/usr/bin`;
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH };
  await t.rejects(
    fetchWheels([wheel], 'linux-x64', () => undefined, env),
    {
      code: 'SETUP_CACHE_FAILED',
      hint: /free some space/,
    },
  );
});

t.test('when Python or pip is missing, then the error says how to get it', async (t) => {
  const root = t.testdir();
  const cache = join(root, 'cache');
  const none = { LORASHEAR_CACHE: cache, PATH: '' };
  await t.rejects(
    fetchWheels([wheel], 'linux-x64', () => undefined, none),
    {
      code: 'SETUP_NO_PYTHON',
    },
  );
  const script = 'echo "/usr/bin/python3: No module named pip" >&2; exit 1';
  const PATH = `${fakeProgram(root, 'python3', script)}:/bin:/usr/bin`;
  await t.rejects(
    fetchWheels([wheel], 'linux-x64', () => undefined, { LORASHEAR_CACHE: cache, PATH }),
    { code: 'SETUP_NO_PYTHON', message: /no pip/, hint: /python3-pip/ },
  );
});

t.test(
  'when a wheel was put into downloads by hand, then it is taken, or removed if wrong',
  async (t) => {
    const root = t.testdir();
    const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
    mkdirSync(join(downloadsFolder(env), 'tmp-1'), { recursive: true });
    const path = join(downloadsFolder(env), file);
    writeFileSync(path, content);
    t.same(await fetchWheels([wheel], 'linux-x64', () => undefined, env), [path]);
    t.same(readdirSync(downloadsFolder(env)), [file], 'what a killed download left is gone');

    writeFileSync(path, 'half');
    const events: SetupEvent[] = [];
    await t.rejects(
      fetchWheels([wheel], 'linux-x64', (event) => events.push(event), env),
      { code: 'SETUP_NO_PYTHON' },
    );
    t.match(events[0], { kind: 'note', text: /not the pinned wheel/ });
    t.same(readdirSync(downloadsFolder(env)), []);
  },
);
