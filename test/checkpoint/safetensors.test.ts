import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { tensorCount } from '../../lib/tensor/scope.js';

/** A file of this header (text or object) and these bytes of data. */
function fileOf(
  header: string | object,
  data: Uint8Array = new Uint8Array(0),
  { length, pad = true }: { length?: number | bigint; pad?: boolean } = {},
): Buffer {
  let text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'utf8');
  if (pad) text = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([size, text, data]);
}

const two = {
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'I16', shape: [1, 2], data_offsets: [8, 12] },
};
const twelve = new Uint8Array(12);
const one = (entry: object): object => ({ a: entry });

const hostile: Record<string, Buffer> = {
  'shorter than the length field': Buffer.from([1, 2, 3]),
  'only a length field of zero bytes of header': fileOf('', undefined, { pad: false }),
  'cut inside the header': fileOf(two, twelve).subarray(0, 40),
  'cut inside the data': fileOf(two, twelve).subarray(0, -1),
  'longer than its tensors': fileOf(two, new Uint8Array(13)),
  'a header length beyond the file': fileOf(two, twelve, { length: 1_000_000 }),
  'a header length above the limit': fileOf(two, twelve, { length: 100_000_001 }),
  'a header length of 2⁶⁴ − 1': fileOf(two, twelve, { length: 2n ** 64n - 1n }),
  'a header that is no JSON': fileOf('{"a": nope}'),
  'a header that is no UTF-8': Buffer.concat([
    fileOf('', undefined, { length: 8, pad: false }),
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  ]),
  'an array for a header': fileOf('[]      '),
  'null for a header': fileOf('null    '),
  'an entry that is null': fileOf({ a: null }),
  'an entry without dtype': fileOf(one({ shape: [0], data_offsets: [0, 0] })),
  'an entry without shape': fileOf(one({ dtype: 'F32', data_offsets: [0, 0] })),
  'an entry without offsets': fileOf(one({ dtype: 'F32', shape: [0] })),
  'one offset': fileOf(one({ dtype: 'F32', shape: [1], data_offsets: [4] }), new Uint8Array(4)),
  'a negative extent': fileOf(one({ dtype: 'F32', shape: [-1], data_offsets: [0, 4] })),
  'a fractional extent': fileOf(one({ dtype: 'F32', shape: [0.5], data_offsets: [0, 2] })),
  'a negative offset': fileOf(
    one({ dtype: 'F32', shape: [1], data_offsets: [-4, 0] }),
    new Uint8Array(4),
  ),
  'offsets that run backwards': fileOf(one({ dtype: 'F32', shape: [1], data_offsets: [4, 0] })),
  'offsets of more bytes than the shape has': fileOf(
    one({ dtype: 'F32', shape: [1], data_offsets: [0, 8] }),
    new Uint8Array(8),
  ),
  'offsets of fewer bytes than the shape has': fileOf(
    one({ dtype: 'F32', shape: [2], data_offsets: [0, 4] }),
    new Uint8Array(4),
  ),
  'a shape whose product overflows': fileOf(
    one({ dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] }),
    new Uint8Array(4),
  ),
  'tensors that overlap': fileOf(
    { ...two, b: { dtype: 'I16', shape: [1, 2], data_offsets: [4, 8] } },
    new Uint8Array(8),
  ),
  'a hole between tensors': fileOf(
    { ...two, b: { dtype: 'I16', shape: [1, 2], data_offsets: [10, 14] } },
    new Uint8Array(14),
  ),
  'a hole before the first tensor': fileOf(
    one({ dtype: 'F32', shape: [1], data_offsets: [4, 8] }),
    new Uint8Array(8),
  ),
  'a tensor beyond the end of the file': fileOf(
    one({ dtype: 'F32', shape: [1000], data_offsets: [0, 4000] }),
    new Uint8Array(4),
  ),
  'the same name twice, once with an escape': fileOf(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    new Uint8Array(4),
  ),
  'the same name twice': fileOf(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    new Uint8Array(4),
  ),
};

for (const [what, bytes] of Object.entries(hostile)) {
  t.test(`when a file has ${what}, then it is refused with its path`, (t) => {
    const path = join(t.testdir({}), 'x.safetensors');
    writeFileSync(path, bytes);
    t.throws(() => new SafetensorsFile(path), {
      code: 'SAFETENSORS_INVALID',
      hint: String,
      facts: { path },
    });
    t.end();
  });
}

t.test('when the file is empty, missing or a folder, then it is refused', (t) => {
  const dir = t.testdir({ 'empty.safetensors': '', folder: {} });
  for (const name of ['empty.safetensors', 'missing.safetensors', 'folder']) {
    t.throws(() => new SafetensorsFile(join(dir, name)), { code: 'SAFETENSORS_INVALID' }, name);
  }
  t.end();
});

t.test('when a dtype is one that we do not compute with, then that is said', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  writeFileSync(
    path,
    fileOf(one({ dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] }), new Uint8Array(4)),
  );
  t.throws(() => new SafetensorsFile(path), { code: 'CHECKPOINT_UNSUPPORTED', message: /F8_E4M3/ });
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
    t.same([...file.entries.keys()].sort(), ['early', 'late', 'name "with {braces}"']);
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
