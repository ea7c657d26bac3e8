import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { dtypeOfSafetensors } from '../../lib/tensor/dtype.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { fileOf, one } from '../fixtures/safetensors_bytes.js';

function written(t: Test, bytes: Uint8Array): string {
  const path = join(t.testdir({}), 'x.safetensors');
  writeFileSync(path, bytes);
  return path;
}

t.test('when the file is missing, then that is said', (t) => {
  const path = join(t.testdir({}), 'missing.safetensors');
  const expected = { code: 'CHECKPOINT_NOT_FOUND', hint: String, facts: { path } };
  t.throws(() => new SafetensorsFile(path), expected);
  t.end();
});

t.test('when the path is no file with bytes, then it is refused', (t) => {
  const dir = t.testdir({ 'empty.safetensors': '', folder: {} });
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  for (const name of ['empty.safetensors', 'folder', 'pipe']) {
    t.throws(
      () => new SafetensorsFile(join(dir, name)),
      { code: 'SAFETENSORS_INVALID', facts: { rule: 'FileUnreadable' } },
      name,
    );
  }
  t.end();
});

/** Every type of the format with the bytes of two elements. */
const pairs = {
  ...{ BOOL: 2, U8: 2, I8: 2, F8_E5M2: 2, F8_E4M3: 2, F8_E8M0: 2, F8_E5M2FNUZ: 2, F8_E4M3FNUZ: 2 },
  ...{
    I16: 4,
    U16: 4,
    F16: 4,
    BF16: 4,
    I32: 8,
    U32: 8,
    F32: 8,
    I64: 16,
    U64: 16,
    F64: 16,
    C64: 16,
  },
};

for (const [stored, size] of Object.entries(pairs)) {
  t.test(`when tensors are of type ${stored}, then libtorch holds the same bytes`, (t) => {
    const data = Uint8Array.from({ length: size }, (_, i) => (stored === 'BOOL' ? i : 17 * i + 3));
    using file = new SafetensorsFile(written(t, fileOf(one(stored, [2, 1], [0, size]), data)));
    using tensor = file.tensor('a');
    t.same([tensor.dtype, tensor.shape], [dtypeOfSafetensors(stored), [2, 1]]);
    t.same([...new Uint8Array(tensor.toBytes())], [...data]);
    t.end();
  });
}

t.test('when four bits are an element, then two make one of libtorch', (t) => {
  const header = {
    pairs: { dtype: 'F4', shape: [2, 4], data_offsets: [0, 4] },
    odd: { dtype: 'F4', shape: [2, 3], data_offsets: [4, 7] },
    none: { dtype: 'F4', shape: [0], data_offsets: [7, 7] },
  };
  using file = new SafetensorsFile(written(t, fileOf(header, Uint8Array.of(1, 2, 3, 4, 5, 6, 7))));
  using tensor = file.tensor('pairs');
  t.same([tensor.dtype, tensor.shape], ['float4_e2m1fn_x2', [2, 2]]);
  t.same([...new Uint8Array(tensor.toBytes())], [1, 2, 3, 4]);
  t.throws(() => file.tensor('odd'), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  using none = file.tensor('none');
  t.same(none.shape, [0]);
  t.end();
});

t.test('when libtorch lacks a type, then only the tensors of that type are refused', (t) => {
  for (const stored of ['F6_E2M3', 'F6_E3M2']) {
    const header = {
      ...one(stored, [4], [0, 3]),
      b: { dtype: 'U8', shape: [1], data_offsets: [3, 4] },
    };
    using file = new SafetensorsFile(written(t, fileOf(header, Uint8Array.of(1, 2, 3, 9))));
    t.match(file.entries.get('a'), { stored, dtype: undefined, shape: [4] });
    t.throws(() => file.tensor('a'), { code: 'CHECKPOINT_UNSUPPORTED', message: stored });
    using other = file.tensor('b');
    t.same(other.toArray(), [9]);
  }
  t.end();
});

t.test('when a tensor is asked for that is not there, then it is named', (t) => {
  using file = new SafetensorsFile(written(t, fileOf({ toString: one('U8', [0], [0, 0])['a'] })));
  for (const name of ['a', '__metadata__', '__proto__', 'constructor']) {
    const expected = { code: 'SAFETENSORS_INVALID', facts: { rule: 'TensorNotFound' } };
    t.throws(() => file.tensor(name), expected, name);
  }
  t.end();
});

t.test('when the file is cut short after it was opened, then its end is refused', (t) => {
  const header = {
    ...one('U8', [4096], [0, 4096]),
    b: { dtype: 'U8', shape: [4096], data_offsets: [4096, 8192] },
  };
  const path = written(t, fileOf(header, new Uint8Array(8192).fill(5)));
  using file = new SafetensorsFile(path);
  const { end } = file.entries.get('a') ?? { end: NaN };
  truncateSync(path, end);
  using first = file.tensor('a');
  t.equal(first.toArray().at(-1), 5);
  const expected = { code: 'SAFETENSORS_INVALID', facts: { rule: 'FileChanged', path } };
  t.throws(() => file.tensor('b'), expected);
  t.end();
});

t.test('when a file is closed, then it gives nothing more, and closing again is no error', (t) => {
  const file = new SafetensorsFile(written(t, fileOf(one('U8', [1], [0, 1]), Uint8Array.of(1))));
  file.close();
  file.close();
  t.throws(() => file.tensor('a'), { code: 'TENSOR_DISPOSED', hint: String });
  t.end();
});

t.test(
  'when a file keeps the rules, then its tensors come out, in whatever order they lie',
  (t) => {
    const before = tensorCount();
    const data = Buffer.alloc(12);
    data.writeInt16LE(-5, 0);
    data.writeInt16LE(300, 2);
    data.writeFloatLE(1.5, 4);
    data.writeFloatLE(-0.25, 8);
    const path = join(t.testdir({}), 'x.safetensors');
    writeFileSync(
      path,
      fileOf(
        {
          __metadata__: { format: 'pt', 'a "quoted" {key}': 'x' },
          late: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
          early: { dtype: 'I16', shape: [1, 2], data_offsets: [0, 4] },
          'name "with {braces}"': { dtype: 'F32', shape: [0, 3], data_offsets: [12, 12] },
        },
        data,
      ),
    );
    const file = new SafetensorsFile(path);
    t.same([...file.entries.keys()], ['early', 'late', 'name "with {braces}"'], 'as they lie');
    t.same(
      file.metadata,
      new Map([
        ['format', 'pt'],
        ['a "quoted" {key}', 'x'],
      ]),
    );
    const late = file.tensor('late');
    const early = file.tensor('early');
    const none = file.tensor('name "with {braces}"');
    t.throws(() => file.tensor('other'), { code: 'SAFETENSORS_INVALID' });
    file.close();
    t.same(late.toArray(), [1.5, -0.25], 'tensors outlive the file');
    t.same([early.toArray(), early.shape, early.dtype], [[-5, 300], [1, 2], 'int16']);
    t.same([none.toArray(), none.shape], [[], [0, 3]]);
    for (const tensor of [late, early, none]) tensor.dispose();
    t.equal(tensorCount(), before);
    t.end();
  },
);

t.test('when the data is misaligned, then the values are right all the same', (t) => {
  const data = Buffer.alloc(9);
  data.writeUInt8(7, 0);
  data.writeFloatLE(3.25, 1);
  data.writeFloatLE(-8, 5);
  const path = join(t.testdir({}), 'x.safetensors');
  const header = {
    odd: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
    floats: { dtype: 'F32', shape: [2], data_offsets: [1, 9] },
  };
  writeFileSync(path, fileOf(header, data, { pad: false }));
  const file = new SafetensorsFile(path);
  const floats = file.tensor('floats');
  t.same(floats.toArray(), [3.25, -8]);
  floats.dispose();
  file.close();
  t.end();
});

t.test('when a file holds no tensor, then it is read as such', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  writeFileSync(path, fileOf('{}      '));
  const file = new SafetensorsFile(path);
  t.equal(file.entries.size, 0);
  file.close();
  t.end();
});
