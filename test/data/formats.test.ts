import { join } from 'node:path';
import t from 'tap';
import { formatByExtension, formatOf } from '../../lib/data/formats.js';

t.test('when the ending is known, then it names the format', (t) => {
  t.equal(formatByExtension('/a/b.PARQUET'), 'parquet');
  t.equal(formatByExtension('b.ndjson'), 'jsonl');
  t.equal(formatByExtension('b.csv'), undefined);
  t.end();
});

t.test('when the ending says too little, then the content decides', async (t) => {
  const dir = t.testdir({
    'array.json': ' [\n{"text": "a"}]',
    'lines.json': '{"text": "a"}\n{"text": "b"}\n',
    'one.json': '{"text": "a"}',
    'spread.json': '{\n "text": "a"\n}',
    lines: '{"text": "a"}\n',
    book: 'It was a dark night.',
    table: 'PAR1....',
  });
  const found = async (name: string) => formatOf(join(dir, name));
  t.equal(await found('array.json'), 'json');
  t.equal(await found('lines.json'), 'jsonl', 'as C4 names its files');
  t.equal(await found('one.json'), 'jsonl');
  t.equal(await found('spread.json'), 'json');
  t.equal(await found('lines'), 'jsonl');
  t.equal(await found('book'), 'text');
  t.equal(await found('table'), 'parquet');
});
