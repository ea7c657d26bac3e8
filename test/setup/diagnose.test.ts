import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { addonFor } from '../../lib/setup/addon_path.js';
import { diagnose } from '../../lib/setup/diagnose.js';
import { inspectLibtorch } from '../../lib/setup/inspect.js';
import { fakeProgram } from './fake_program.js';
import { fakeLibtorch } from './libtorch_fixture.js';

const byName = async (env: Record<string, string>) =>
  new Map((await diagnose(env)).map((finding) => [finding.name, finding]));

t.test('when nothing is set up, then every problem has the command that mends it', async (t) => {
  const found = await byName({ LORASHEAR_CACHE: join(t.testdir(), 'cache'), PATH: '' });
  const problems = [...found.values()].filter(({ state }) => state === 'problem');
  t.same(
    problems.map(({ name }) => name),
    ['libtorch', 'addon', 'C++ compiler', 'cmake', 'ninja or make', 'Python and pip'],
  );
  for (const { name, hint } of problems) t.ok(hint, name);
  t.match(found.get('Node'), { state: 'ok', value: process.version });
  t.match(found.get('CPU')?.value, /thread/);
});

t.test(
  'when libtorch is there but no addon, then only the addon is a problem of ours',
  async (t) => {
    const root = t.testdir();
    const folder = fakeLibtorch(join(root, 'torch'));
    const found = await byName({
      LORASHEAR_LIBTORCH: folder,
      LORASHEAR_CACHE: join(root, 'cache'),
      PATH: '',
    });
    t.match(found.get('libtorch'), { state: 'ok', value: /2\.11\.0.*LORASHEAR_LIBTORCH names it/ });
    t.match(found.get('addon'), { state: 'problem', hint: /setup/ });
    t.match(found.get('Python and pip'), { state: 'note' }, 'pip is not needed any more');
  },
);

t.test('when LORASHEAR_LIBTORCH does not serve, then that is the problem', async (t) => {
  const root = t.testdir();
  const found = await byName({ LORASHEAR_LIBTORCH: root, LORASHEAR_CACHE: root, PATH: '' });
  t.match(found.get('libtorch'), { state: 'problem', hint: /LORASHEAR_LIBTORCH/ });
});

t.test('when the addon is corrupt, then a rebuild is advised', async (t) => {
  const root = t.testdir();
  const folder = fakeLibtorch(join(root, 'torch'));
  const env = { LORASHEAR_LIBTORCH: folder, LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  const { path } = addonFor(inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', ''), env);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'corrupt');
  const found = await byName(env);
  t.match(found.get('addon'), { state: 'problem', hint: /--rebuild/ });
});

t.test('when nvcc is older than CUDA 13, then that is said, and it is no problem', async (t) => {
  const root = t.testdir();
  const script = 'echo "Cuda compilation tools, release 12.4, V12.4.131"';
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: fakeProgram(root, 'nvcc', script) };
  const finding = (await byName(env)).get('nvcc');
  t.match(finding?.value, /release 12\.4.*not of CUDA 13/);
  t.not(finding?.state, 'problem');
});

t.test('when LORASHEAR_ADDON names a file, then that one is examined', async (t) => {
  const root = t.testdir({ 'broken.node': 'text' });
  const env = {
    LORASHEAR_LIBTORCH: fakeLibtorch(join(root, 'torch')),
    LORASHEAR_CACHE: join(root, 'cache'),
    PATH: '',
  };
  const broken = await byName({ ...env, LORASHEAR_ADDON: join(root, 'broken.node') });
  t.match(broken.get('addon'), { state: 'problem', hint: /LORASHEAR_ADDON/ });
  const none = await byName({ ...env, LORASHEAR_ADDON: join(root, 'none.node') });
  t.match(none.get('addon'), { state: 'problem', value: /does not exist/ });
});
