import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Handle, MappingId } from '../../lib/native/binding.js';
import { native } from '../../lib/native/load.js';

const binding = native();
const [uint8, float32, float64] = [0, 6, 7];
const failed = { code: /^(TENSOR_OP_FAILED|NATIVE_FAILURE)$/ };

/** What no offset, length, extent or code may be. */
const hostile = [
  ...[-1, -0.5, 0.5, NaN, Infinity, -Infinity, 2 ** 53 + 2, 2 ** 63, 2 ** 64, -(2 ** 63), 1e308],
  ...['0', null, undefined, {}, [], true, 0n],
] as number[];

function mapped(t: Test, bytes: Uint8Array): { id: MappingId; path: string } {
  const path = join(t.testdir({}), 'file');
  writeFileSync(path, bytes);
  const { id, size } = binding.mapFile(path);
  t.equal(size, bytes.length);
  t.teardown(() => {
    binding.unmapFile(id);
  });
  return { id, path };
}

function take(handle: Handle): number[] {
  const bytes = [...new Uint8Array(binding.toBytes(handle))];
  binding.free(handle);
  return bytes;
}

const counted = Uint8Array.from({ length: 64 }, (_, i) => i);

t.test('when ranges lie in the file, then exactly their bytes come', (t) => {
  const { id } = mapped(t, counted);
  for (const [offset, length] of [
    [0, 64],
    [63, 1],
    [64, 0],
    [0, 0],
    [8, 8],
  ] as const) {
    const expected = [...counted.subarray(offset, offset + length)];
    t.same([...binding.mapBytes(id, offset, length)], expected);
    t.same(take(binding.mapTensor(id, offset, uint8, [length])), expected);
  }
  t.same(take(binding.mapTensor(id, 8, float64, [])), [...counted.subarray(8, 16)], '0-d');
  t.same(take(binding.mapTensor(id, 64, float32, [0, 2 ** 40])), [], 'nothing at the end');
  t.same(take(binding.mapTensor(id, 3, float32, [2])), [...counted.subarray(3, 11)], 'misaligned');
  t.end();
});

t.test('when ranges lie outside or are no numbers, then nothing is read', (t) => {
  const { id } = mapped(t, counted);
  const count = binding.count();
  for (const x of [...hostile, 65, 2 ** 31, 2 ** 32, 2 ** 53]) {
    t.throws(() => binding.mapBytes(id, x, 0), failed, `offset ${String(x)}`);
    t.throws(() => binding.mapTensor(id, x, uint8, [0]), failed);
    if (x !== 65) t.throws(() => binding.mapTensor(id, 0, x, [0]), failed, `dtype ${String(x)}`);
    t.throws(() => binding.mapTensor(id, 0, uint8, [x]), failed, `extent ${String(x)}`);
    t.throws(() => binding.mapBytes(id, 0, x), failed, `length ${String(x)}`);
    t.throws(() => binding.mapBytes(x as MappingId, 0, 1), failed);
    t.throws(() => binding.mapBytes((id + 2 ** 32) as MappingId, 0, 1), failed);
  }
  for (const [offset, shape] of [
    [1, [64]],
    [0, [65]],
    [0, [2 ** 32, 2 ** 32]],
    [0, [2 ** 31, 2 ** 31, 4]],
    [0, [2 ** 53, 2 ** 53, 2 ** 53]],
    [0, [2 ** 53, 2 ** 53, 0]],
    [0, [-1, -1]],
    [0, [-(2 ** 32), -(2 ** 32)]],
    [2 ** 53, [2 ** 53]],
  ] as const) {
    t.throws(() => binding.mapTensor(id, offset, uint8, shape), failed, String(shape));
  }
  for (const code of [12, 13, 14, 16, 17, 18, 22, 30, 43, 46, 47, 127, 128, 255, 256, 260]) {
    t.throws(() => binding.mapTensor(id, 0, code, [1]), failed, `dtype ${code}`);
    t.throws(() => binding.fromBytes(new Uint8Array(1), code, [1]), failed);
  }
  t.equal(binding.count(), count);
  t.end();
});

t.test('when the file is cut short while it is mapped, then no tensor is handed out', (t) => {
  const { id, path } = mapped(t, new Uint8Array(3 * 65_536));
  const early = binding.mapTensor(id, 0, uint8, [10]);
  truncateSync(path, 65_536);
  t.equal(take(binding.mapTensor(id, 0, uint8, [65_536])).length, 65_536, 'what is there is there');
  t.throws(() => binding.mapTensor(id, 65_536, uint8, [1]), { ...failed, message: /cut short/ });
  t.throws(() => binding.mapBytes(id, 65_530, 10), { ...failed, message: /cut short/ });
  t.equal(take(early).length, 10);
  t.end();
});

t.test('when a tensor over a file is written to, then the file is as it was', (t) => {
  const { id, path } = mapped(t, counted);
  const tensor = binding.mapTensor(id, 0, uint8, [64]);
  const [fill] = binding.resolve([
    'aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)',
  ]);
  binding.free(binding.call(fill?.id ?? -1, tensor, 7) as Handle);
  t.same(new Set(take(tensor)), new Set([7]));
  t.same(new Uint8Array(readFileSync(path)), counted);
  t.end();
});

t.test('when a path is no file of bytes, then it is refused and not waited for', (t) => {
  const dir = t.testdir({ empty: '', file: 'x' });
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  mkdirSync(join(dir, 'folder'));
  const paths = ['empty', 'missing', 'pipe', 'folder', 'file/below'].map((name) => join(dir, name));
  for (const path of [...paths, '/dev/zero', '', `${join(dir, 'file')}\0`]) {
    t.throws(() => binding.mapFile(path), failed, JSON.stringify(path));
  }
  t.end();
});

t.test('when a mapping is closed, then its tensors stay and its number is dead', (t) => {
  const path = join(t.testdir({}), 'file');
  writeFileSync(path, counted);
  const { id } = binding.mapFile(path);
  const tensor = binding.mapTensor(id, 0, uint8, [64]);
  binding.unmapFile(id);
  t.throws(() => binding.mapBytes(id, 0, 1), failed);
  t.throws(() => binding.mapTensor(id, 0, uint8, [1]), failed);
  binding.unmapFile(id);
  t.same(take(tensor), [...counted]);
  t.end();
});

t.test('when bytes are copied in, then from any view, and only as many as the shape has', (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(16), 4, 8);
  shared.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const plain = Uint8Array.from(shared);
  for (const view of [shared, plain, new DataView(plain.buffer), Buffer.from(plain)]) {
    t.same(take(binding.fromBytes(view, float32, [2])), [...plain]);
  }
  for (const shape of [[], [1], [3], [2, 2 ** 62], [-2], [0]]) {
    t.throws(() => binding.fromBytes(plain, float32, shape), failed, String(shape));
  }
  for (const view of [plain.buffer, [1, 2], 'x', null]) {
    t.throws(() => binding.fromBytes(view as never, uint8, [2]), failed);
  }
  t.end();
});

t.test('when a descriptor or a position is nonsense, then nothing is written', (t) => {
  const path = join(t.testdir({}), 'file');
  const tensor = binding.fromBytes(counted, uint8, [64]);
  const fd = openSync(path, 'w');
  for (const x of hostile) {
    t.throws(() => binding.writeTensor(x, 0, tensor), failed, `descriptor ${String(x)}`);
    t.throws(() => binding.writeTensor(fd, x, tensor), failed, `position ${String(x)}`);
  }
  for (const other of [2 ** 31, 2 ** 32 + fd, 1_000_000]) {
    t.throws(() => binding.writeTensor(other, 0, tensor), failed);
  }
  t.equal(readFileSync(path).length, 0);
  t.equal(binding.writeTensor(fd, 5, tensor), 64);
  closeSync(fd);
  t.same([...readFileSync(path).subarray(5)], take(tensor));
  t.end();
});
