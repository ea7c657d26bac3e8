// stream.json holds what transformers and the protocol of algorithm.md §9 give: scripts/fixtures/data.py.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Source } from '../../lib/data/document.js';
import { openSource } from '../../lib/data/source.js';
import { tokenizeSource } from '../../lib/data/token_stream.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
const tokenizer = loadTokenizer(join(fixtures, 'tokenizer/stories260K'));
const expected = JSON.parse(readFileSync(join(fixtures, 'data/stream.json'), 'utf8')) as {
  ids: number[];
  documentStarts: number[];
};
const corpus = () => openSource('corpus', join(fixtures, 'data/corpus'));

t.test('when a source is tokenised, then the stream is the one Python gives', async (t) => {
  const stream = await tokenizeSource(await corpus(), tokenizer);
  t.strictSame([...stream.ids], expected.ids);
  t.strictSame([...stream.documentStarts], expected.documentStarts);
  t.equal(stream.tokens, expected.ids.length);
  t.equal(stream.documents, 6);
});

t.test('when the stream is cached, then it is read without tokenising', async (t) => {
  const cacheDir = join(t.testdir(), 'cache');
  const first = await tokenizeSource(await corpus(), tokenizer, { cacheDir });
  t.strictSame(readdirSync(cacheDir).sort(), [`${first.hash}.ids`, `${first.hash}.json`]);
  const source: Source = {
    ...(await corpus()),
    documents: () => {
      throw new Error('must not be read');
    },
  };
  t.strictSame(await tokenizeSource(source, tokenizer, { cacheDir }), first);
});

t.test('when anything that decides the ids differs, then so does the hash', async (t) => {
  const source = await corpus();
  const other = loadTokenizer(join(fixtures, 'tokenizer/byte_level'));
  const hashes = await Promise.all([
    tokenizeSource(source, tokenizer),
    tokenizeSource(source, other),
    tokenizeSource(source, tokenizer, { maxTokens: 10 }),
    tokenizeSource(source, tokenizer, { cleaning: { stripIrregular: true } }),
    tokenizeSource(await openSource('c', source.path, { split: 'validation' }), tokenizer),
  ]);
  t.equal(new Set(hashes.map(({ hash }) => hash)).size, 5);
});

t.test('when a number of tokens is given, then the stream ends there', async (t) => {
  const second = expected.documentStarts[1]!;
  const stream = await tokenizeSource(await corpus(), tokenizer, { maxTokens: second + 3 });
  t.strictSame([...stream.ids], expected.ids.slice(0, second + 3));
  t.equal(stream.documents, 2);
});

t.test('when cleaning leaves nothing, then that is said', async (t) => {
  const source = await corpus();
  await t.rejects(tokenizeSource(source, tokenizer, { cleaning: { minParagraphTokens: 1000 } }), {
    code: 'DATA_EMPTY',
    message: /cleaning left no text of source "corpus"/,
  });
  const some = await tokenizeSource(source, tokenizer, { cleaning: { minParagraphTokens: 40 } });
  t.ok(some.documents > 0 && some.documents < 6);
});

t.test('when the tokenizer has no EOS, then documents cannot be joined', async (t) => {
  await t.rejects(tokenizeSource(await corpus(), { ...tokenizer, eosId: undefined }), {
    code: 'TOKENIZER_INVALID',
  });
});

t.test('when it is aborted in the middle, then nothing is cached', async (t) => {
  const dir = t.testdir({
    'long.jsonl': `${JSON.stringify({ text: 'word '.repeat(30_000) })}\n`.repeat(12),
  });
  const cacheDir = join(dir, 'cache');
  const controller = new AbortController();
  const reason = new Error('enough');
  const source = await openSource('long', join(dir, 'long.jsonl'));
  let reports = 0;
  const running = tokenizeSource(source, tokenizer, {
    cacheDir,
    signal: controller.signal,
    onProgress: () => {
      reports += 1;
      // As a message from another thread would: in a later turn of the event loop.
      setImmediate(() => controller.abort(reason));
    },
  });
  await t.rejects(running, reason);
  t.ok(reports >= 1 && reports < 6);
  t.throws(() => readdirSync(cacheDir), { code: 'ENOENT' });
});
