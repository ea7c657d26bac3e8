import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { inspectLibtorch } from '../../lib/setup/inspect.js';
import { isNeeded, unpackWheel, unpackWheels } from '../../lib/setup/unpack.js';
import { elfHeader } from './elf_fixture.js';
import { storedZip } from './stored_zip.js';

t.test('when the CPU set is unpacked, then only libtorch_cpu and what it names are kept', (t) => {
  const needed = (name: string) => isNeeded(name, 'cpu');
  t.ok(needed('torch/lib/libtorch_cpu.so'));
  t.ok(needed('torch/lib/libc10.so'));
  t.ok(needed('torch/lib/libgomp.so.1'));
  t.ok(needed('torch/lib/libnvpl_blas_core.so.0'), 'aarch64 names NVPL');
  t.ok(needed('nvidia/cu13/lib/libcudart.so.13'));
  t.ok(needed('nvidia/cu13/lib/libcupti.so.13'));
  t.ok(needed('torch/include/ATen/ATen.h'));
  t.ok(needed('torch/share/cmake/Torch/TorchConfig.cmake'));
  t.ok(needed('torch-2.11.0.dist-info/licenses/LICENSE'));
  t.notOk(needed('torch/lib/libtorch_cuda.so'));
  t.notOk(needed('torch/lib/libc10_cuda.so'));
  t.notOk(needed('torch/lib/libtorch_nvshmem.so'));
  t.notOk(needed('torch/lib/libtorch_python.so'));
  t.notOk(needed('torch/lib/libtorch.so'), 'names libtorch_cuda');
  t.notOk(needed('torch/nn/modules/linear.py'));
  t.notOk(needed('nvidia/cu13/lib/libnvperf_host.so'));
  t.notOk(needed('nvidia/cu13/include/cuda.h'));
  t.notOk(needed('torch/include/'));
  t.end();
});

t.test('when the CUDA set is unpacked, then all libraries and the CUDA headers are kept', (t) => {
  const needed = (name: string) => isNeeded(name, 'cuda');
  t.ok(needed('torch/lib/libtorch_cuda.so'));
  t.ok(needed('torch/lib/libtorch.so'));
  t.ok(needed('nvidia/cudnn/lib/libcudnn.so.9'));
  t.ok(needed('nvidia/cu13/include/cuda_runtime_api.h'));
  t.notOk(needed('torch/lib/libtorch_python.so'));
  t.notOk(needed('nvidia/cu13/lib/libcudart_static.a'));
  t.end();
});

t.test(
  'when a wheel is unpacked, then its files are written and its libraries listed',
  async (t) => {
    const root = t.testdir();
    const files = {
      'torch/lib/libc10.so': 'library',
      'torch/include/a/b.h': 'header',
      'torch/nn.py': 'python',
    };
    const wheel = join(root, 'a.whl');
    writeFileSync(wheel, storedZip(files));
    const told: number[] = [];
    const into = join(root, 'out');
    const libraries = await unpackWheel(wheel, into, 'cpu', (bytes) => told.push(bytes));
    t.same(libraries, { 'torch/lib/libc10.so': 7 });
    t.equal(readFileSync(join(into, 'torch/include/a/b.h'), 'utf8'), 'header');
    t.notOk(existsSync(join(into, 'torch/nn.py')));
    t.same(told, [7, 13]);
  },
);

t.test('when the file is no wheel or names a path outside, then it is refused', async (t) => {
  const root = t.testdir({ 'a.whl': 'this is no zip file at all, though long enough for one' });
  await t.rejects(unpackWheel(join(root, 'a.whl'), root, 'cpu', () => undefined));
  writeFileSync(join(root, 'b.whl'), storedZip({ '../torch/include/a.h': 'x' }));
  await t.rejects(unpackWheel(join(root, 'b.whl'), root, 'cpu', () => undefined));
});

const machine = process.arch === 'x64' ? 62 : 183;
const version = [
  '#define TORCH_VERSION_MAJOR 2',
  '#define TORCH_VERSION_MINOR 11',
  '#define TORCH_VERSION_PATCH 0',
].join('\n');

t.test('when an earlier unpacking was killed, then it is removed and the set whole', async (t) => {
  const root = t.testdir({ 'set.partial-1': { torch: { lib: { 'libc10.so': 'half' } } } });
  const library = elfHeader(machine).toString('latin1');
  const torch = join(root, 'torch.whl');
  const cudart = join(root, 'cudart.whl');
  writeFileSync(
    torch,
    storedZip({
      'torch/lib/libc10.so': library,
      'torch/lib/libtorch_cpu.so': library,
      'torch/include/ATen/ATen.h': '',
      'torch/include/torch/headeronly/version.h': version,
    }),
  );
  writeFileSync(cudart, storedZip({ 'nvidia/cu13/lib/libcudart.so.13': 'library' }));
  const folder = join(root, 'set');
  const wheels = [torch, cudart].map((path) => ({ path, megabytes: 1 }));
  await unpackWheels(wheels, folder, 'cpu', () => undefined);
  t.same(readdirSync(root).sort(), ['cudart.whl', 'set', 'torch.whl']);
  t.match(inspectLibtorch(folder, 'cache', ''), { version: '2.11.0', origin: 'cache' });
});

t.test('when a wheel is broken, then nothing of the set is left', async (t) => {
  const root = t.testdir({ 'a.whl': 'this is no zip file at all, though long enough for one' });
  const wheels = [{ path: join(root, 'a.whl'), megabytes: 1 }];
  await t.rejects(unpackWheels(wheels, join(root, 'set'), 'cpu', () => undefined));
  t.same(readdirSync(root), ['a.whl']);
});

t.test('when the folder cannot be written, then the error names LORASHEAR_CACHE', async (t) => {
  const root = t.testdir({ file: '' });
  const into = join(root, 'file', 'set');
  await t.rejects(
    unpackWheels([], into, 'cpu', () => undefined),
    {
      code: 'SETUP_CACHE_FAILED',
      hint: /LORASHEAR_CACHE/,
    },
  );
});

t.test('when the disk is full while unpacking, then the refusal comes through', async (t) => {
  const root = t.testdir();
  const wheel = join(root, 'a.whl');
  writeFileSync(wheel, storedZip({ 'torch/lib/libc10.so': 'library' }));
  mkdirSync(join(root, 'out', 'torch', 'lib'), { recursive: true });
  symlinkSync('/dev/full', join(root, 'out', 'torch', 'lib', 'libc10.so'));
  await t.rejects(
    unpackWheel(wheel, join(root, 'out'), 'cpu', () => undefined),
    {
      code: 'ENOSPC',
    },
  );
});
