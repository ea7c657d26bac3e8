import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseJob } from '../../lib/config/parse_job.js';
import type { Job } from '../../lib/config/job.js';
import { type Corpus, openCorpus } from '../../lib/data/corpus.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { denseModel } from '../fixtures/pages.js';

const tokenizer = loadTokenizer(denseModel);
const lines = (texts: readonly string[], field = 'text'): string =>
  texts.map((text) => `${JSON.stringify({ [field]: text })}\n`).join('');
const story = (i: number): string =>
  `Once upon a time there were ${i} little dogs, and they ran ${i + 1} times around the big tree.`;
const stories = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => story(from + i));

/** A job on these sources, as a command would make it. */
const jobOf = (dir: string, sources: Record<string, string>, more: object = {}): Job =>
  parseJob({ model: denseModel, sequence_length: 16, sources, ...more }, { cwd: dir });

const read = (job: Job, more: Partial<Parameters<typeof openCorpus>[2]> = {}): Promise<Corpus> =>
  openCorpus(job.sources, tokenizer, { ...job, ...more });

const splits = (texts: Record<string, readonly string[]>) =>
  Object.fromEntries(Object.entries(texts).map(([name, t]) => [`${name}.jsonl`, lines(t)]));

t.test(
  'when documents come twice, then they are left out, across sources and splits',
  async (t) => {
    const dir = t.testdir({
      a: splits({
        train: [...stories(0, 10), story(3), ` ${story(4).replaceAll(' ', '\n\t')} `, story(30)],
        validation: [...stories(20, 5), story(21)],
      }),
      b: splits({
        train: [...stories(8, 10), story(22), story(31)],
        validation: [...stories(30, 4), story(20)],
      }),
    });
    const job = jobOf(dir, { a: 'a', b: 'b' });
    t.ok(job.deduplicate);
    const told: string[] = [];
    const cacheDir = join(dir, 'tokens');
    const corpus = await read(job, { cacheDir, warn: (message) => told.push(message) });
    const counts = (of: Corpus) =>
      Object.fromEntries(
        Object.entries(of.splits).map(([name, { documents, duplicates }]) => [
          name,
          [documents, duplicates],
        ]),
      );
    const expected = {
      'a/validation': [5, 1],
      'b/validation': [4, 1], // 20 is in a's
      'a/train': [10, 3], // 3 and 4 twice, 30 is validated on
      'b/train': [8, 4], // 8 and 9 are in a, 22 and 31 validated on
    };
    t.strictSame(counts(corpus), expected);
    t.equal(told.length, 4);
    t.equal(told[2], 'source "a", train: 3 of 13 documents came before and are left out');
    const again = await read(job, { cacheDir });
    t.strictSame([again.splits, again.validation], [corpus.splits, corpus.validation]);
    t.strictSame(again.train[1]?.windows.window(3), corpus.train[1]?.windows.window(3));
    // a source that was not cached comes after some that were
    writeFileSync(join(dir, 'c.txt'), 'x');
    const more = jobOf(dir, { a: 'a', c: 'b', b: 'b' });
    await t.rejects(read(more, { cacheDir }), {
      code: 'DATA_EMPTY',
      message: /no text is left of the validation split of source "b": 5 documents/,
      hint: /deduplicate: false/,
    });
    const all = await read(job, { deduplicate: false });
    t.strictSame(counts(all), {
      'a/validation': [6, 0],
      'b/validation': [5, 0],
      'a/train': [13, 0],
      'b/train': [12, 0],
    });
    t.not(all.splits['a/train']?.hash, corpus.splits['a/train']?.hash);
  },
);

t.test(
  'when nothing comes twice, then the tokens are those of a run that does not look',
  async (t) => {
    const dir = t.testdir({ 'a.jsonl': lines(stories(0, 300)) });
    const job = jobOf(dir, { a: 'a.jsonl' });
    const told: string[] = [];
    const looked = await read(job, { warn: (message) => told.push(message) });
    const plain = await read(job, { deduplicate: false });
    t.strictSame(looked.validation, plain.validation);
    const [a, b] = [looked.train[0]!.windows, plain.train[0]!.windows];
    t.equal(a.count, b.count);
    for (let i = 0; i < a.count; i++) t.strictSame(a.window(i), b.window(i));
    t.strictSame(told, []);
    const few = join(t.testdir({ 'b.jsonl': lines([...stories(0, 199), story(0)]) }), 'b.jsonl');
    await read(jobOf('/', { b: few }), { warn: (message) => told.push(message) });
    t.strictSame(told, [], 'one in a hundred is not worth a word');
  },
);

t.test('when a window holds several documents, then it tells them apart', async (t) => {
  const dir = t.testdir({ 'a.jsonl': lines(stories(0, 300).map((text) => text.slice(17, 40))) });
  const { train } = await read(jobOf(dir, { a: 'a.jsonl' }));
  const { windows } = train[0]!;
  let boundaries = 0;
  for (let i = 0; i < windows.count; i++) {
    const [ids, segments] = [windows.window(i), windows.segments(i)];
    for (let at = 1; at < 16; at++) {
      const begins = segments[at] !== segments[at - 1];
      t.equal(begins, ids[at - 1] === tokenizer.eosId, 'a document begins behind EOS');
      if (begins) boundaries++;
    }
  }
  t.ok(boundaries > 10);
});

t.test('when a source cannot be read, then that is said before anything is done', async (t) => {
  const dir = t.testdir({
    'empty.txt': '',
    'blank.jsonl': lines(['', '  ']),
    'latin.txt': Buffer.from('caf\xe9 '.repeat(100), 'latin1'),
    'columns.jsonl': lines(stories(0, 5), 'content'),
    'numbers.jsonl': '{"text": 1}\n{"text": 2}\n',
    'short.jsonl': lines(['One.', 'Two.']),
    'single.jsonl': lines([story(1)]),
    'broken.jsonl': '{"text": "a"\n',
    'fake.parquet': 'version https://git-lfs',
    folder: { 'README.md': 'nothing' },
    mixed: { 'a.txt': 'x', 'b.jsonl': lines(['x']) },
  });
  const cases: [string, string, RegExp][] = [
    ['empty.txt', 'DATA_EMPTY', /holds no text/],
    ['blank.jsonl', 'DATA_EMPTY', /holds no text/],
    ['latin.txt', 'DATA_INVALID', /latin.txt.*UTF-8/],
    ['columns.jsonl', 'DATA_INVALID', /line 1, has no field "text" \(it has content\)/],
    ['numbers.jsonl', 'DATA_INVALID', /has a field "text" of type number/],
    ['short.jsonl', 'DATA_EMPTY', /source "s" has \d+ tokens, a window takes 17/],
    ['single.jsonl', 'DATA_EMPTY', /one document only/],
    ['broken.jsonl', 'DATA_INVALID', /line 1, is not JSON/],
    ['fake.parquet', 'DATA_INVALID', /fake.parquet/],
    ['folder', 'DATA_NOT_FOUND', /holds no training files/],
    ['mixed', 'DATA_INVALID', /mixed/],
    ['missing.txt', 'DATA_NOT_FOUND', /there is no file or folder .*missing.txt/],
    ['no-such/dataset', 'DATA_NOT_FOUND', /no dataset of this name in the hub cache/],
  ];
  for (const [path, code, message] of cases) {
    const error: unknown = await read(jobOf(dir, { s: path })).catch((thrown: unknown) => thrown);
    t.match(error, { code, message, hint: /\w/ }, path);
  }
});

t.test('when a source has a bound, then each split ends there', async (t) => {
  const dir = t.testdir({
    a: splits({ train: stories(0, 40), validation: stories(50, 40) }),
  });
  const source = { name: 'a', path: join(dir, 'a') };
  const of = async (more: object) =>
    (await openCorpus([{ ...source, ...more }], tokenizer, { sequenceLength: 16 })).splits;
  const [whole, bounded] = [await of({}), await of({ maxTokens: 100 })];
  for (const split of ['a/train', 'a/validation']) {
    t.ok((whole[split]?.tokens ?? 0) > 1000);
    t.equal(bounded[split]?.tokens, 100);
    t.not(bounded[split]?.hash, whole[split]?.hash);
  }
});
