import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { addonFor, addonPath, packageRoot } from '../../lib/setup/addon_path.js';
import { inspectLibtorch } from '../../lib/setup/inspect.js';
import { fakeProgram } from './fake_program.js';
import { fakeLibtorch } from './libtorch_fixture.js';

const inspect = (folder: string) => inspectLibtorch(folder, 'cache', 'test');

t.test('when the package root is asked for, then it holds the native sources', (t) => {
  t.ok(existsSync(join(packageRoot, 'CMakeLists.txt')));
  t.end();
});

t.test('when nothing changed, then the key is the same, and it lies in the cache', (t) => {
  const root = t.testdir();
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  const libtorch = inspect(fakeLibtorch(join(root, 'torch')));
  const { path, key } = addonFor(libtorch, env);
  t.match(key, /^[0-9a-f]{16}$/);
  t.equal(path, join(root, 'cache', 'addon', key, 'lorashear.node'));
  t.equal(addonFor(libtorch, env).key, key);
  t.end();
});

t.test('when libtorch or nvcc differ, then so does the key', (t) => {
  const root = t.testdir();
  const env = { LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  const one = inspect(fakeLibtorch(join(root, 'one')));
  const other = inspect(fakeLibtorch(join(root, 'other')));
  const newer = { ...one, version: '2.12.0' };
  const withNvcc = { ...env, PATH: fakeProgram(root, 'nvcc', '') };
  const keys = [
    addonFor(one, env).key,
    addonFor(other, env).key,
    addonFor(newer, env).key,
    addonFor(one, withNvcc).key,
  ];
  t.equal(new Set(keys).size, 4);
  t.end();
});

t.test('when libtorch brings no CUDA, then the addon is for the CPU', (t) => {
  const libtorch = inspect(fakeLibtorch(join(t.testdir(), 'torch')));
  t.equal(addonFor(libtorch, { PATH: '' }).device, 'cpu');
  t.end();
});

t.test('when the addon is not built, then there is no path, and when it is, there is', (t) => {
  const root = t.testdir();
  const folder = fakeLibtorch(join(root, 'torch'));
  const env = { LORASHEAR_LIBTORCH: folder, LORASHEAR_CACHE: join(root, 'cache'), PATH: '' };
  t.equal(addonPath({ ...env, LORASHEAR_LIBTORCH: undefined }), undefined, 'no libtorch');
  t.equal(addonPath(env), undefined);
  const { path } = addonFor(inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', ''), env);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  t.equal(addonPath(env), path);
  t.end();
});
