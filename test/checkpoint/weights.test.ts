import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openWeights } from '../../lib/checkpoint/weights.js';
import { native } from '../../lib/native/load.js';
import { fileOf } from '../fixtures/safetensors_bytes.js';

/** A folder of shards of one-byte tensors, and an index that promises `map`. */
function folder(t: Test, shards: Record<string, string[]>, map: Record<string, string>): string {
  const dir = t.testdir({
    'model.safetensors.index.json': JSON.stringify({ weight_map: map }),
  });
  for (const [file, names] of Object.entries(shards)) {
    const entries = names.map((name, i) => [
      name,
      { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] },
    ]);
    writeFileSync(
      join(dir, file),
      fileOf(Object.fromEntries(entries) as object, new Uint8Array(names.length)),
    );
  }
  return dir;
}

const shards = { one: ['a', 'b'], two: ['c'] };

t.test('when shards and index agree, then each tensor has its file', (t) => {
  const dir = folder(t, shards, { a: 'one', b: 'one', c: 'two' });
  const { files, owner } = openWeights(dir);
  t.same(
    [...owner].map(([name, { path }]) => [name, path]),
    [
      ['a', join(dir, 'one')],
      ['b', join(dir, 'one')],
      ['c', join(dir, 'two')],
    ],
  );
  for (const file of files) file.close();
  t.end();
});

t.test('when a shard holds more than the index says, then it is there as well', (t) => {
  const { files, owner } = openWeights(folder(t, shards, { a: 'one', c: 'two' }));
  t.same([...owner.keys()], ['a', 'b', 'c']);
  for (const file of files) file.close();
  t.end();
});

const invalid = { code: 'CHECKPOINT_INVALID', hint: String };

t.test('when a shard lacks what the index says it holds, then both are named', (t) => {
  const absent = folder(t, shards, { a: 'one', b: 'one', c: 'two', d: 'two' });
  t.throws(() => openWeights(absent), { ...invalid, message: /'d' in two/ });
  const elsewhere = folder(t, shards, { a: 'one', b: 'two', c: 'two' });
  t.throws(() => openWeights(elsewhere), { ...invalid, message: /'b' in two/ });
  t.end();
});

t.test('when two shards hold one name, then both are named', (t) => {
  const dir = folder(t, { one: ['a', 'b'], two: ['c', 'a'] }, { a: 'one', b: 'one', c: 'two' });
  t.throws(() => openWeights(dir), { ...invalid, message: /'a' .* one and two/ });
  t.end();
});

t.test('when one shard is damaged, then it is named and all others are closed', (t) => {
  const dir = folder(t, shards, { a: 'one', c: 'two' });
  writeFileSync(join(dir, 'two'), 'damaged!');
  const before = native().mapFile(join(dir, 'one'));
  native().unmapFile(before.id);
  const expected = { code: 'SAFETENSORS_INVALID', facts: { path: join(dir, 'two') } };
  t.throws(() => openWeights(dir), expected);
  t.throws(() => native().mapBytes((before.id + 1) as typeof before.id, 0, 1), {
    message: /closed/,
  });
  copyFileSync(join(dir, 'one'), join(dir, 'two'));
  t.throws(() => openWeights(dir), invalid, 'a copy of another shard');
  t.end();
});
