import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Source, Split } from '../../lib/data/document.js';
import { openSource } from '../../lib/data/source.js';

const quickstart = fileURLToPath(new URL('../../../examples/quickstart/data/', import.meta.url));
const corpus = fileURLToPath(new URL('../../../test/fixtures/data/corpus', import.meta.url));
const lines = (n: number) =>
  Array.from({ length: n }, (_, i) => `{"text":"document ${i}"}`).join('\n');

async function texts(source: Source): Promise<string[]> {
  const result: string[] = [];
  for await (const { text } of source.documents()) result.push(text);
  return result;
}

t.test(
  'when a folder has splits, then each is read in file order without empty documents',
  async (t) => {
    const train = await openSource('corpus', corpus);
    const ids: string[] = [];
    for await (const { id } of train.documents()) ids.push(id);
    t.strictSame(ids, [
      'train-00000-of-00002.parquet: row 0',
      'train-00000-of-00002.parquet: row 1',
      'train-00000-of-00002.parquet: row 2',
      'train-00000-of-00002.parquet: row 3',
      'train-00001-of-00002.parquet: row 0',
      'train-00001-of-00002.parquet: row 2',
    ]);
    const validation = await openSource('corpus', corpus, { split: 'validation' });
    t.equal((await texts(validation)).length, 2);
    t.notOk(validation.heldOut);
    t.not(await train.fingerprint(), await validation.fingerprint());
  },
);

t.test(
  'when the quickstart’s sources are opened, then no document is in both splits',
  async (t) => {
    for (const name of ['novels', 'tales', 'voyages']) {
      const path = join(quickstart, name);
      const train = new Set(await texts(await openSource(name, path)));
      const validation = await texts(await openSource(name, path, { split: 'validation' }));
      t.ok(train.size > 10 * validation.length && validation.length > 0, name);
      t.strictSame(
        validation.filter((text) => train.has(text)),
        [],
      );
    }
  },
);

t.test('when there is one file, then 2 % are held out and never trained on', async (t) => {
  const path = join(t.testdir({ 'a.jsonl': lines(200) }), 'a.jsonl');
  const open = (split: Split, seed = 0) => openSource('a', path, { split, holdout: { seed } });
  const train = await texts(await open('train'));
  const validation = await texts(await open('validation'));
  t.equal(validation.length, 4);
  t.equal(train.length, 196);
  t.equal(new Set([...train, ...validation]).size, 200);
  t.notSame(await texts(await open('validation', 1)), validation);
  t.ok((await open('train')).heldOut);
  t.not(await (await open('train')).fingerprint(), await (await open('validation')).fingerprint());
});

t.test('when the content changes, then so does the fingerprint', async (t) => {
  const path = join(t.testdir({ 'a.jsonl': lines(3) }), 'a.jsonl');
  const source = await openSource('a', path);
  const before = await source.fingerprint();
  t.equal(await (await openSource('other name', path)).fingerprint(), before);
  appendFileSync(path, '\n{"text":"more"}');
  t.not(await source.fingerprint(), before);
});

t.test('when another column is named, then its text is read', async (t) => {
  const path = join(
    t.testdir({ 'a.jsonl': '{"body":"x"}\n{"body":null}\n{"body":"y"}' }),
    'a.jsonl',
  );
  const splits = await Promise.all(
    (['train', 'validation'] as const).map(async (split) =>
      texts(await openSource('a', path, { column: 'body', split })),
    ),
  );
  t.strictSame(splits.flat().sort(), ['x', 'y']);
  await t.rejects(texts(await openSource('a', path)), {
    code: 'DATA_INVALID',
    message: /a\.jsonl, line 1, has no field "text" \(it has body\)/,
  });
});

t.test('when there is nothing to read or to hold out, then it is said', async (t) => {
  const dir = t.testdir({
    'empty.txt': '',
    'blank.jsonl': '{"text":"  "}\n{"text":""}',
    'one.txt': 'A single short text.',
    'number.jsonl': '{"text":3}',
  });
  const read = async (name: string) => texts(await openSource('src', join(dir, name)));
  await t.rejects(read('empty.txt'), { code: 'DATA_EMPTY', message: /"src" .* holds no text/ });
  await t.rejects(read('blank.jsonl'), { code: 'DATA_EMPTY' });
  await t.rejects(read('one.txt'), { code: 'DATA_EMPTY', message: /one document only/ });
  await t.rejects(read('number.jsonl'), { code: 'DATA_INVALID', message: /of type number/ });
  await t.rejects(openSource('src', join(dir, 'none.txt')), { code: 'DATA_NOT_FOUND' });
});

t.test('when the signal is aborted, then documents stop', async (t) => {
  const source = await openSource('corpus', corpus);
  const reason = new Error('enough');
  const controller = new AbortController();
  let seen = 0;
  await t.rejects(async () => {
    for await (const _ of source.documents(controller.signal)) {
      seen += 1;
      controller.abort(reason);
    }
  }, reason);
  t.ok(seen < 6);
  await t.rejects(source.fingerprint(AbortSignal.abort(reason)), reason);
  const flag = {
    throwIfAborted: () => {
      throw reason;
    },
  };
  await t.rejects(source.documents(flag)[Symbol.asyncIterator]().next(), reason);
});
