// The files were written by pyarrow: scripts/fixtures/data.py.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parquet } from '../../lib/data/parquet.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/data/', import.meta.url));

async function records(file: string, columns?: string[]) {
  const result = [];
  for await (const record of parquet.records(file, columns ? { columns } : {})) result.push(record);
  return result;
}

t.test('when columns are named, then only they are read, with nulls', async (t) => {
  const rows = await records(join(fixtures, 'corpus/train-00000-of-00002.parquet'), ['text']);
  t.equal(rows.length, 5);
  t.strictSame(rows[0], {
    value: { text: 'The ferry left at six. Nobody waved.' },
    where: 'row 0',
  });
  t.match(rows[2], {
    value: { text: '“Is it far?” she asked — and café lights answered: ☕ 🌙.' },
  });
  t.strictSame((rows[4]!.value as { text: unknown }).text ?? null, null);
});

t.test(
  'when a file has several row groups and zstd or gzip, then all rows come in order',
  async (t) => {
    const rows = await records(join(fixtures, 'corpus/train-00001-of-00002.parquet'));
    t.strictSame(
      rows.map(({ where }) => where),
      ['row 0', 'row 1', 'row 2'],
    );
    t.match(rows[2]!.value, { text: '日本語 and русский in one sentence.', number: 2n });
    t.equal((await records(join(fixtures, 'corpus/validation-00000-of-00001.parquet'))).length, 2);
  },
);

t.test('when a column is missing, then the columns there are named', async (t) => {
  await t.rejects(records(join(fixtures, 'other_columns.parquet'), ['text']), {
    code: 'DATA_INVALID',
    message: /no column "text"; its columns are title, content/,
    facts: { columns: ['title', 'content'] },
  });
});

t.test('when a string is not UTF-8, then it is refused', async (t) => {
  await t.rejects(records(join(fixtures, 'not_utf8.parquet')), {
    code: 'DATA_INVALID',
    message: /not UTF-8 \(byte 0xff, 2 bytes into it\)/,
  });
});

t.test('when a file is damaged, then it is refused', async (t) => {
  const dir = t.testdir({ 'pointer.parquet': 'version https://git-lfs.github.com/spec/v1\n' });
  const cut = join(dir, 'cut.parquet');
  copyFileSync(join(fixtures, 'corpus/train-00000-of-00002.parquet'), cut);
  writeFileSync(cut, readFileSync(cut).subarray(0, 700));
  for (const file of [cut, join(dir, 'pointer.parquet')]) {
    await t.rejects(records(file), { code: 'DATA_INVALID', message: /not readable as parquet/ });
  }
});
