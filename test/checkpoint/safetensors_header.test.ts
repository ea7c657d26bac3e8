import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { headerLength, readHeader } from '../../lib/checkpoint/safetensors_header.js';
import { hostile } from '../fixtures/hostile_safetensors.js';
import { fileOf, one, spelled } from '../fixtures/safetensors_bytes.js';

const bytes = (n: number): Uint8Array => new Uint8Array(n);

const broken = Object.entries(hostile).flatMap(([rule, files]) =>
  Object.entries(files).map(([what, file]) => ({ rule, what, file })),
);

for (const { rule, what, file } of broken) {
  t.test(`when a file has ${what}, then it is refused as ${rule}`, (t) => {
    const path = join(t.testdir({}), 'x.safetensors');
    writeFileSync(path, file);
    t.throws(() => new SafetensorsFile(path), {
      code: 'SAFETENSORS_INVALID',
      hint: String,
      facts: { path, rule },
    });
    t.end();
  });
}

const accepted: readonly [what: string, file: Buffer, shapes: Record<string, number[]>][] = [
  ['no tensor', fileOf('{}', undefined, { pad: false }), {}],
  ['no metadata but null', fileOf({ __metadata__: null }), {}],
  ['space after the header', fileOf('{}\n\t\r '), {}],
  ['a scalar', fileOf(one('F32', [], [0, 4]), bytes(4)), { a: [] }],
  ['a tensor without elements', fileOf(one('F32', [0, 7], [0, 0])), { a: [0, 7] }],
  [
    'empty tensors around a full one',
    fileOf(
      { ...one('U8', [1], [0, 1]), b: one('U8', [0], [0, 0])['a'], c: one('U8', [0], [1, 1])['a'] },
      bytes(1),
    ),
    { b: [0], a: [1], c: [0] },
  ],
  [
    'keys that the format does not know',
    fileOf(spelled('[1]', '[0,1]', '"U8"', ',"x":{"shape":[1.5]},"y":[-1e9]'), bytes(1)),
    { a: [1] },
  ],
  [
    'a name called as a method',
    fileOf({ toString: one('U8', [1], [0, 1])['a'] }, bytes(1)),
    { toString: [1] },
  ],
  [
    'a name that JavaScript treats apart',
    fileOf(spelled('[1]', '[0,1]').replace('"a"', '"__proto__"'), bytes(1)),
    JSON.parse('{"__proto__":[1]}') as Record<string, number[]>,
  ],
  ['a name of no characters', fileOf({ '': one('U8', [1], [0, 1])['a'] }, bytes(1)), { '': [1] }],
  [
    'names with quotes, braces and emoji',
    fileOf({ 'a "b" {c}: 🙂\\': one('U8', [1], [0, 1])['a'] }, bytes(1)),
    { 'a "b" {c}: 🙂\\': [1] },
  ],
];

for (const [what, file, shapes] of accepted) {
  t.test(`when a file has ${what}, then it is read`, (t) => {
    const length = headerLength('x', file.subarray(0, 8), file.length);
    const { entries } = readHeader('x', file.subarray(8, 8 + length), file.length);
    t.same(
      entries.map(({ name, shape }) => [name, shape]),
      Object.entries(shapes),
    );
    t.end();
  });
}

t.test('when a header is as deep or as long as it may be, then it is one error, and soon', (t) => {
  const deep = '['.repeat(3_000_000);
  const long = '\\"'.repeat(3_000_000);
  for (const text of [
    `{"a":${deep}`,
    `{"a":${deep}${']'.repeat(deep.length)}}`,
    `{"${long}":1}`,
    `{"a":"${long}`,
  ]) {
    const header = Buffer.from(text);
    t.throws(() => readHeader('x', header, 8 + header.length), { code: 'SAFETENSORS_INVALID' });
  }
  t.end();
});

t.test('when there is metadata, then its strings are kept as they are', (t) => {
  const header = Buffer.from('{"__metadata__":{"format":"pt","\\u00e4":"","__proto__":"x"}}');
  const { metadata } = readHeader('x', header, 8 + header.length);
  t.same(
    [...metadata],
    [
      ['format', 'pt'],
      ['ä', ''],
      ['__proto__', 'x'],
    ],
  );
  t.end();
});
