import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  currentPlatform,
  findBuildTools,
  findNvcc,
  findProgram,
  findPython,
  requireGlibc,
} from '../../lib/setup/machine.js';
import { fakeProgram } from './fake_program.js';

t.test('when programs are searched, then the order of names and of PATH decides', (t) => {
  const root = t.testdir();
  const one = fakeProgram(join(root, 'one'), 'g++', '');
  const two = fakeProgram(join(root, 'two'), 'c++', '');
  const env = { PATH: `${one}:${two}` };
  t.equal(findProgram(['c++', 'g++'], env), join(two, 'c++'));
  t.equal(findProgram(['g++', 'c++'], env), join(one, 'g++'));
  t.equal(findProgram(['clang++'], env), undefined);
  t.end();
});

t.test('when a file of that name is not executable or a folder, then it is passed over', (t) => {
  const root = t.testdir({ nvcc: 'text', cmake: {} });
  t.equal(findProgram(['nvcc', 'cmake'], { PATH: root }), undefined);
  t.end();
});

t.test('when nvcc is named, then it wins over PATH, and CUDA_HOME comes after PATH', (t) => {
  const root = t.testdir();
  const inPath = fakeProgram(join(root, 'path'), 'nvcc', '');
  const inHome = fakeProgram(join(root, 'cuda'), 'nvcc', '');
  const named = join(fakeProgram(join(root, 'named'), 'my-nvcc', ''), 'my-nvcc');
  const env = { PATH: inPath, CUDA_HOME: join(root, 'cuda'), LORASHEAR_NVCC: named };
  t.equal(findNvcc(env), named);
  t.equal(findNvcc({ ...env, LORASHEAR_NVCC: undefined }), join(inPath, 'nvcc'));
  t.equal(findNvcc({ CUDA_HOME: join(root, 'cuda') }), join(inHome, 'nvcc'));
  t.end();
});

t.test(
  'when the build tools are searched, then CXX is preferred and what lacks is undefined',
  (t) => {
    const bin = fakeProgram(t.testdir(), 'my-c++', '');
    writeFileSync(join(bin, 'cmake'), '');
    t.same(findBuildTools({ PATH: bin, CXX: 'my-c++' }), {
      compiler: join(bin, 'my-c++'),
      cmake: undefined,
      maker: undefined,
    });
    t.equal(findPython({ PATH: bin }), undefined);
    t.end();
  },
);

t.test('when the platform has pinned wheels, then its name is one of theirs', (t) => {
  t.match(currentPlatform(), /^linux-(x64|arm64)$/);
  t.end();
});

t.test('when no wheel is pinned for a platform, then the error says what serves instead', (t) => {
  for (const [system, arch] of [
    ['win32', 'x64'],
    ['darwin', 'arm64'],
    ['linux', 'riscv64'],
  ] as const) {
    t.throws(() => currentPlatform(system, arch), {
      code: 'LIBTORCH_NOT_FOUND',
      hint: /LORASHEAR_LIBTORCH/,
      facts: { platform: `${system}-${arch}` },
    });
  }
  t.end();
});

t.test('when the C library is musl or too old for the wheels, then that is refused', (t) => {
  t.throws(() => requireGlibc('2.27'), { code: 'LIBTORCH_NOT_FOUND', message: /glibc 2\.27/ });
  t.throws(() => requireGlibc('1.99'), { code: 'LIBTORCH_NOT_FOUND' });
  for (const version of ['2.28', '2.41', '3.0']) requireGlibc(version);
  requireGlibc();
  t.end();
});
