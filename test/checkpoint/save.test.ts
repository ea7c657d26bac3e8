import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { weightFiles } from '../../lib/checkpoint/hf_index.js';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { saveSafetensors } from '../../lib/checkpoint/save.js';
import { type DType, dtypeBytes, dtypes } from '../../lib/tensor/dtype.js';
import { to } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor, longTensor, tensorFrom } from '../../lib/tensor/tensor.js';
import { randomNumbers } from '../fixtures/random_llama.js';

function readAll(
  path: string,
): Map<string, { dtype: DType; shape: readonly number[]; bytes: Buffer }> {
  const file = new SafetensorsFile(path);
  const found = [...file.entries.keys()].map((name) => {
    using tensor = file.tensor(name);
    const bytes = Buffer.from(tensor.toBytes());
    return [name, { dtype: tensor.dtype, shape: tensor.shape, bytes }] as const;
  });
  file.close();
  return new Map(found);
}

t.test('when tensors of every type are saved, then the same bytes are read', (t) => {
  const dir = t.testdir({});
  const before = tensorCount();
  scoped(() => {
    const tensors = (Object.keys(dtypes) as DType[]).map((dtype, i): [string, Tensor] => {
      const bytes = Uint8Array.from(randomNumbers(i + 1, 15 * dtypeBytes(dtype)), (x) => x * 128);
      const given = dtype === 'bool' ? bytes.map((byte) => byte & 1) : bytes;
      return [`of ${dtype}`, tensorFrom(given, dtype, [3, 5])];
    });
    tensors.push(['scalar', floatTensor([2.5], [])], ['none', floatTensor([], [4, 0])]);
    const path = join(dir, 'all.safetensors');
    t.same(saveSafetensors(path, tensors), [path]);
    const stored = readAll(path);
    t.equal(stored.size, tensors.length);
    for (const [name, tensor] of tensors) {
      const { dtype, shape, bytes } = stored.get(name) ?? {};
      t.equal(dtype, tensor.dtype);
      t.same(shape, tensor.shape);
      t.same(bytes, Buffer.from(tensor.toBytes()), name);
    }
  });
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a file is saved, then its data is aligned and its metadata names the format', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  scoped(() => {
    const bytes = to(longTensor([1, 2, 3], [3]), 'cpu', 'uint8');
    saveSafetensors(path, [
      ['bytes', bytes],
      ['wide', longTensor([4, 5], [2])],
      ['float', floatTensor([1], [1])],
    ]);
  });
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE());
  t.equal(length % 8, 0);
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, unknown>;
  t.same(header['__metadata__'], { format: 'pt' });
  const opened = new SafetensorsFile(path);
  for (const { start, dtype } of opened.entries.values()) {
    t.equal(start % dtypeBytes(dtype ?? 'complex64'), 0);
  }
  opened.close();
  t.end();
});

t.test('when a type is asked for, then floats are stored in it and whole numbers are not', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  const before = tensorCount();
  using floats = floatTensor([1, 1 + 2 ** -12, -3e5], [3]);
  using ids = longTensor([7], [1]);
  saveSafetensors(
    path,
    [
      ['floats', floats],
      ['ids', ids],
    ],
    { dtype: 'bfloat16' },
  );
  const file = new SafetensorsFile(path);
  using stored = file.tensor('floats');
  t.equal(stored.dtype, 'bfloat16');
  t.same(stored.toArray(), [1, 1, -299008], 'rounded to eight bits');
  t.equal(file.entries.get('ids')?.dtype, 'int64');
  file.close();
  t.equal(tensorCount(), before + 3);
  t.end();
});

t.test('when the tensors are more than a shard holds, then there are shards and an index', (t) => {
  const dir = t.testdir({});
  const path = join(dir, 'model.safetensors');
  scoped(() => {
    const tensors = ['a', 'b', 'c', 'd', 'huge'].map((name, i): [string, Tensor] => [
      name,
      floatTensor(randomNumbers(i, name === 'huge' ? 100 : 10), [name === 'huge' ? 100 : 10]),
    ]);
    const files = saveSafetensors(path, tensors, { maxShardBytes: 80 });
    t.same(
      files.map((file) => file.slice(dir.length + 1)),
      [
        'model-00001-of-00003.safetensors',
        'model-00002-of-00003.safetensors',
        'model-00003-of-00003.safetensors',
        'model.safetensors.index.json',
      ],
    );
    const index = JSON.parse(readFileSync(`${path}.index.json`, 'utf8')) as {
      metadata: { total_size: number };
      weight_map: Record<string, string>;
    };
    t.equal(index.metadata.total_size, 4 * 40 + 400);
    t.same(Object.keys(index.weight_map), ['a', 'b', 'c', 'd', 'huge']);
    t.equal(weightFiles(dir).length, 3, 'the reader finds the shards');
    for (const [name, tensor] of tensors) {
      const shard = readAll(join(dir, index.weight_map[name] ?? ''));
      t.same(shard.get(name)?.bytes, Buffer.from(tensor.toBytes()), name);
    }
    saveSafetensors(path, tensors);
    t.same(weightFiles(dir), [path], 'one file again: the old index is gone');
    saveSafetensors(path, tensors, { maxShardBytes: 80 });
    t.notOk(existsSync(path), 'shards again: the old file is gone');
  });
  t.end();
});

t.test('when a write fails, then what was there stays and nothing else is left', (t) => {
  const dir = t.testdir({});
  const path = join(dir, 'model.safetensors');
  using good = floatTensor([1, 2], [2]);
  saveSafetensors(path, [['good', good]]);
  const kept = readFileSync(path);
  const gone = floatTensor([1, 2], [2]);
  const tensors = function* (): Generator<[string, Tensor]> {
    yield ['good', good];
    yield ['gone', gone];
  };
  // Disposed after the plan was made: the failure comes in the middle of the second shard.
  const late = new Proxy(gone, {
    get: (target, key) => {
      if (key === 'handle' && target.alive) target.dispose();
      return Reflect.get(target, key, target) as unknown;
    },
  });
  t.throws(
    () =>
      saveSafetensors(
        path,
        [
          ['good', good],
          ['late', late],
        ],
        { maxShardBytes: 8 },
      ),
    { code: 'TENSOR_DISPOSED' },
  );
  t.same(readdirSync(dir), ['model.safetensors']);
  t.same(readFileSync(path), kept);
  t.throws(() => saveSafetensors(path, tensors()), { code: 'TENSOR_DISPOSED' });
  t.same(readFileSync(path), kept);
  t.end();
});

t.test('when the folder refuses, then the error says which path', (t) => {
  const dir = t.testdir({ file: 'text' });
  using tensor = floatTensor([1], [1]);
  const tensors: [string, Tensor][] = [['x', tensor]];
  for (const path of [join(dir, 'missing', 'x.safetensors'), join(dir, 'file', 'x.safetensors')]) {
    t.throws(() => saveSafetensors(path, tensors), {
      code: 'OUTPUT_FAILED',
      hint: String,
      facts: { path },
    });
  }
  const occupied = join(dir, 'y.safetensors');
  mkdirSync(occupied);
  writeFileSync(join(occupied, 'inside'), '');
  t.throws(() => saveSafetensors(occupied, tensors), { code: 'OUTPUT_FAILED' });
  t.ok(statSync(occupied).isDirectory());
  t.notOk(existsSync(`${occupied}.partial`), 'nothing half-written');
  t.end();
});

// /dev/full takes no byte; a link to it is the partial file of this path.
const full = existsSync('/dev/full') ? {} : { skip: 'this system has no /dev/full' };
t.test('when the disk is full, then the error says so and nothing is left', full, (t) => {
  const dir = t.testdir({ 'x.safetensors.partial': t.fixture('symlink', '/dev/full') });
  using tensor = floatTensor([1], [1]);
  t.throws(() => saveSafetensors(join(dir, 'x.safetensors'), [['x', tensor]]), {
    code: 'OUTPUT_FAILED',
    message: /ENOSPC|No space/,
  });
  t.same(readdirSync(dir), []);
  t.end();
});

t.test('when there is metadata, then it is read as it was given', (t) => {
  const dir = t.testdir({});
  using tensor = floatTensor([1], [1]);
  const pairs: [string, string][] = [
    ['format', 'pt'],
    ['__proto__', 'ü "{}"'],
    ['', '\0\n'],
  ];
  const metadata = Object.fromEntries(pairs);
  const path = join(dir, 'x.safetensors');
  saveSafetensors(path, [['__proto__', tensor]], { metadata });
  using file = new SafetensorsFile(path);
  t.same([...file.metadata], pairs);
  t.same([...file.entries.keys()], ['__proto__']);
  const number = { steps: 3 } as unknown as Record<string, string>;
  const other = join(dir, 'y.safetensors');
  t.throws(() => saveSafetensors(other, [], { metadata: number }), { code: 'INTERNAL' });
  t.same(readdirSync(dir), ['x.safetensors']);
  t.end();
});

t.test('when a name or a header does not fit the format, then nothing is written', (t) => {
  const dir = t.testdir({});
  const path = join(dir, 'x.safetensors');
  using tensor = floatTensor([1], [1]);
  t.throws(() => saveSafetensors(path, [['\ud800', tensor]]), { code: 'INTERNAL' });
  const metadata = { long: 'x'.repeat(100_000_001) };
  const tooLarge = { code: 'CHECKPOINT_UNSUPPORTED', hint: String };
  t.throws(() => saveSafetensors(path, [['a', tensor]], { metadata }), tooLarge);
  using pair = tensorFrom(Uint8Array.of(1), 'float4_e2m1fn_x2', []);
  t.throws(() => saveSafetensors(path, [['a', pair]]), tooLarge);
  t.same(readdirSync(dir), []);
  t.end();
});

t.test('when no tensor is saved, then the file is one that holds none', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  t.same(saveSafetensors(path, []), [path]);
  using file = new SafetensorsFile(path);
  t.equal(file.entries.size, 0);
  t.end();
});

t.test('when two tensors have one name, then nothing is written', (t) => {
  const dir = t.testdir({});
  using x = floatTensor([1], [1]);
  for (const names of [
    ['a', 'a'],
    ['a', '__metadata__'],
  ]) {
    t.throws(
      () =>
        saveSafetensors(
          join(dir, 'x.safetensors'),
          names.map((name): [string, Tensor] => [name, x]),
        ),
      { code: 'INTERNAL' },
    );
  }
  t.same(readdirSync(dir), []);
  t.end();
});
