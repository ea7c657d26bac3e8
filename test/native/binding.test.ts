import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Handle, MappingId } from '../../lib/native/binding.js';
import { native } from '../../lib/native/load.js';

t.test('when binding.ts types a function, then the addon has it, and no other', (t) => {
  const source = readFileSync(new URL('../../../lib/native/binding.ts', import.meta.url), 'utf8');
  const body = source.slice(source.indexOf('export interface Binding'));
  const typed = [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
  t.ok(typed.length > 20);
  t.same(Object.keys(native()).sort(), typed.sort());
  t.end();
});

t.test('when functions are given nonsense, then they throw and the process lives', (t) => {
  const b = native();
  const count = b.count();
  const odd = [undefined, null, NaN, -1, 1e300, 0.5, 'x', {}, []] as never[];
  for (const value of odd) {
    t.throws(() => b.shape(value), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.alias(value), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.toBytes(value), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.generatorState(value), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.mapBytes(value, 0, 1), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.mapTensor(value, 0, 6, [1]), { code: /^(TENSOR|NATIVE)_/ });
    t.throws(() => b.call(value));
    t.throws(() => b.fromBytes(value, 6, [1]));
    t.throws(() => b.generator(value, value));
    t.throws(() => b.mapFile(value));
    if (!Array.isArray(value)) t.throws(() => b.resolve(value));
  }
  t.match(b.resolve(['(']), [{ error: /^not a schema: [^\n]+$/ }]);
  t.equal(b.count(), count);
  t.end();
});

t.test('when an alias is made, then each handle has a life of its own', (t) => {
  const b = native();
  const count = b.count();
  const x = b.fromBytes(Float32Array.of(1, 2), 6, [2]);
  const y = b.alias(x);
  b.free(x);
  t.same(Array.from(new Float32Array(b.toBytes(y))), [1, 2]);
  t.equal(b.isAlive(x), false);
  b.free([y]);
  t.equal(b.count(), count);
  t.end();
});

t.test('when several handles are freed and one is stale, then TENSOR_DISPOSED', (t) => {
  const b = native();
  const count = b.count();
  const make = (): Handle => b.fromBytes(new Uint8Array(1), 0, [1]);
  const [x, y] = [make(), make()];
  b.free(y);
  t.throws(() => b.free(Float64Array.of(x, y)), { code: 'TENSOR_DISPOSED' });
  t.equal(b.count(), count, 'the live one is free');
  t.end();
});

t.test('when a file is mapped, then its tensors outlive the mapping and never write to it', (t) => {
  const b = native();
  const path = join(t.testdir({}), 'numbers');
  writeFileSync(path, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
  const { id, size } = b.mapFile(path);
  t.equal(size, 16);
  t.same([...b.mapBytes(id, 4, 4)], [...new Uint8Array(Float32Array.of(2).buffer)]);
  const x = b.mapTensor(id, 4, 6, [3]);
  for (const [offset, length] of [
    [12, 8],
    [-1, 2],
    [17, 0],
    [NaN, 1],
  ] as const) {
    t.throws(() => b.mapBytes(id, offset, length), { code: 'TENSOR_OP_FAILED' });
  }
  t.throws(() => b.mapTensor(id, 8, 6, [3]), { code: 'TENSOR_OP_FAILED' }, 'past the end');
  t.throws(() => b.mapTensor(id, 0, 6, [-1]), { code: 'TENSOR_OP_FAILED' });
  b.unmapFile(id);
  t.throws(() => b.mapBytes(id, 0, 1), { code: 'TENSOR_OP_FAILED' }, 'closed');
  b.unmapFile(id); // closing twice is no error
  t.same(Array.from(new Float32Array(b.toBytes(x))), [2, 3, 4]);
  const [{ id: zero }] = b.resolve(['aten::zero_(Tensor(a!) self) -> Tensor(a!)']) as [
    { id: number },
  ];
  b.free(b.call(zero, x) as Handle);
  b.free(x);
  t.same(readFileSync(path), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer));
  t.throws(() => b.mapFile(join(t.testdirName, 'none')), {
    code: 'NATIVE_FAILURE',
    message: /none/,
  });
  t.throws(() => b.mapTensor(99 as MappingId, 0, 6, [1]), { code: 'TENSOR_OP_FAILED' });
  t.end();
});

t.test('when the offset is odd, then a mapped tensor is still right', (t) => {
  const b = native();
  const path = join(t.testdir({}), 'odd');
  writeFileSync(path, Buffer.concat([Buffer.of(0), Buffer.from(Float32Array.of(1.5, -2).buffer)]));
  const { id } = b.mapFile(path);
  const x = b.mapTensor(id, 1, 6, [2]);
  t.same(Array.from(new Float32Array(b.toBytes(x))), [1.5, -2]);
  b.unmapFile(id);
  b.free(x);
  t.end();
});

t.test('when a tensor is written to a file that refuses, then the error is typed', (t) => {
  const b = native();
  const path = join(t.testdir({}), 'written');
  writeFileSync(path, '');
  const x = b.fromBytes(Float32Array.of(1, 2), 6, [2]);
  const fd = openSync(path, 'r');
  t.throws(() => b.writeTensor(fd, 0, x), { code: 'NATIVE_FAILURE', message: /write failed/ });
  closeSync(fd);
  const open = openSync(path, 'r+');
  t.equal(b.writeTensor(open, 4, x), 8);
  closeSync(open);
  t.same(
    readFileSync(path),
    Buffer.concat([Buffer.alloc(4), Buffer.from(Float32Array.of(1, 2).buffer)]),
  );
  b.free(x);
  t.end();
});
