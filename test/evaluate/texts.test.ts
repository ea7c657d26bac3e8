import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readEvaluationText } from '../../lib/evaluate/texts.js';
import { hub } from '../fixtures/evaluation.js';
import { ptb, wikitextParquet, wikitextRaw } from '../fixtures/perplexity.js';

t.test(
  'when WikiText-2 lies in the hub cache, as parquet or raw, then it is the same',
  async (t) => {
    const dir = t.testdir({});
    const dataset = join(dir, 'hub/datasets--Salesforce--wikitext');
    const folder = join(dataset, 'snapshots/1/wikitext-2-raw-v1');
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(dataset, 'refs'));
    writeFileSync(join(dataset, 'refs/main'), '1');
    cpSync(wikitextParquet, join(folder, 'test-00000-of-00001.parquet'));
    const cached = await readEvaluationText({ text: 'wikitext2' }, dir);
    t.equal(cached.path, null);
    t.equal(cached.whole, readFileSync(wikitextRaw, 'utf8'), 'empty rows are lines of a space');
    t.strictSame(cached.rows.slice(0, 3), ['', ' = The Red Boat = \n', '']);
    for (const path of [wikitextParquet, wikitextRaw]) {
      const read = await readEvaluationText({ text: 'wikitext2', path }, 'nowhere');
      t.strictSame(read, { ...cached, path });
    }
  },
);

t.test('when PTB is read, then its rows are sentences; another text is one row', async (t) => {
  const { rows, whole } = await readEvaluationText({ text: 'ptb', path: ptb }, '');
  t.equal(rows.length, 8);
  t.equal(rows[0], 'the little boat was red and it liked the big blue sea');
  const own = await readEvaluationText({ text: 'own', path: ptb }, '');
  t.strictSame(own.rows, [whole]);
});

t.test('when a text is not there, then the error says where it looked', async (t) => {
  const fails = (
    spec: { text: string; path?: string },
    wanted: { code: string; message?: RegExp; hint?: RegExp },
  ) => t.rejects(readEvaluationText(spec, hub), wanted);
  await fails(
    { text: 'wikitext2' },
    { code: 'DATA_NOT_FOUND', message: /datasets--Salesforce--wikitext/, hint: /download/ },
  );
  await fails({ text: 'ptb' }, { code: 'DATA_NOT_FOUND', hint: /ptb=PATH/ });
  await fails({ text: 'own' }, { code: 'DATA_NOT_FOUND', hint: /own=PATH/ });
  const dir = t.testdir({ empty: ' \n\n' });
  await fails({ text: 'ptb', path: join(dir, 'empty') }, { code: 'DATA_EMPTY' });
  await fails({ text: 'ptb', path: join(dir, 'none') }, { code: 'DATA_NOT_FOUND' });
});

t.test('when a column is missing or holds no text, then it is named', async (t) => {
  const path = join(hub, 'datasets--baber--piqa/snapshots', '0'.repeat(39) + '2');
  const file = join(path, 'plain_text/validation-00000-of-00001.parquet');
  await t.rejects(readEvaluationText({ text: 'wikitext2', path: file }, ''), {
    code: 'DATA_INVALID',
    message: /no column "text"/,
  });
});
