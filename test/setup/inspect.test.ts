import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { inspectLibtorch, manifestName } from '../../lib/setup/inspect.js';
import { fakeLibtorch } from './libtorch_fixture.js';

const inspect = (folder: string) => inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', 'test');

t.test('when the folder is a libtorch, then version, device set and origin are told', (t) => {
  const folder = fakeLibtorch(join(t.testdir(), 'torch'));
  t.match(inspect(folder), {
    folder,
    version: '2.11.0',
    origin: 'LORASHEAR_LIBTORCH',
    cuda: false,
  });
  t.end();
});

t.test('when the folder holds a torch package, then that is taken', (t) => {
  const root = t.testdir();
  const folder = fakeLibtorch(join(root, 'torch'), { version: [2, 12, 1], cuda: true });
  t.match(inspect(root), { folder, version: '2.12.1', cuda: true });
  t.end();
});

t.test('when something is missing, then the error names it', (t) => {
  const folder = fakeLibtorch(join(t.testdir(), 'torch'));
  rmSync(join(folder, 'include', 'ATen', 'ATen.h'));
  t.throws(() => inspect(folder), { code: 'LIBTORCH_INVALID', message: /include\/ATen\/ATen.h/ });
  t.throws(() => inspect('/nonexistent'), { code: 'LIBTORCH_INVALID', hint: /LORASHEAR_LIBTORCH/ });
  t.end();
});

t.test('when the folder does not exist, then that is said', (t) => {
  t.throws(() => inspect(join(t.testdir(), 'none')), {
    code: 'LIBTORCH_INVALID',
    message: /does not exist/,
  });
  t.end();
});

t.test('when it is built for macOS or Windows, then that is said', (t) => {
  const root = t.testdir({
    mac: { lib: { 'libtorch_cpu.dylib': '' } },
    windows: { torch: { lib: { 'torch_cpu.dll': '' } } },
  });
  t.throws(() => inspect(join(root, 'mac')), { code: 'LIBTORCH_INVALID', message: /macOS/ });
  t.throws(() => inspect(join(root, 'windows')), { code: 'LIBTORCH_INVALID', message: /Windows/ });
  t.end();
});

t.test('when it is older than 2.11 or has no version, then it is refused', (t) => {
  const old = fakeLibtorch(join(t.testdir(), 'torch'), { version: [2, 10, 9] });
  t.throws(() => inspect(old), { code: 'LIBTORCH_INVALID', message: /2\.10\.9/ });
  rmSync(join(old, 'include', 'torch'), { recursive: true });
  t.throws(() => inspect(old), { code: 'LIBTORCH_INVALID', message: /no version header/ });
  t.end();
});

t.test('when it is built for another machine or is no library, then it is refused', (t) => {
  const root = t.testdir();
  const other = fakeLibtorch(join(root, 'a'), { machine: 8 });
  t.throws(() => inspect(other), { code: 'LIBTORCH_INVALID', message: /another machine/ });
  const text = fakeLibtorch(join(root, 'b'));
  writeFileSync(join(text, 'lib', 'libc10.so'), 'not a library, but long enough to hold a header');
  t.throws(() => inspect(text), { code: 'LIBTORCH_INVALID', message: /another machine/ });
  t.end();
});

t.test('when a library has not the size of the manifest, then the folder is damaged', (t) => {
  const folder = fakeLibtorch(join(t.testdir(), 'torch'));
  const manifest = (bytes: number) =>
    JSON.stringify({ version: '2.11.0', wheels: [], libraries: { 'torch/lib/libc10.so': bytes } });
  writeFileSync(join(dirname(folder), manifestName), manifest(64));
  t.equal(inspect(folder).version, '2.11.0');
  writeFileSync(join(dirname(folder), manifestName), manifest(65));
  t.throws(() => inspect(folder), { code: 'LIBTORCH_INVALID', message: /64 bytes instead of 65/ });
  writeFileSync(join(dirname(folder), manifestName), '{');
  t.throws(() => inspect(folder), { code: 'LIBTORCH_INVALID', message: /unreadable/ });
  t.end();
});
