import t from 'tap';
import { data } from '../../../lib/report/sections/data.js';
import { only, sampleRecord, tables, texts } from '../sample_record.js';

t.test('when text was read, then each split tells what was left out of it', (t) => {
  const record = sampleRecord(t, (values) => {
    values.load = {
      'tales/validation': { documents: 40, tokens: 30000, duplicates: 0 },
      'tales/train': { documents: 1900, tokens: 1500000, duplicates: 100 },
      'old/train': { documents: 7, tokens: 90 },
    };
  });
  const section = data(record);
  t.strictSame(tables(section)[0]?.rows, [
    ['tales', 'validation', '40', '30,000', '0', '0.0\u00a0%'],
    ['tales', 'train', '1,900', '1,500,000', '100', '5.0\u00a0%'],
    ['old', 'train', '7', '90', '–', '–'],
  ]);
  t.match(texts(section)[0], /^A duplicate is a document whose words came before/);
  const { manifest } = record;
  const other = { ...manifest, job: { ...manifest.job, deduplicate: false } };
  t.match(texts(data({ ...record, manifest: other }))[0], /were not looked for/);
  t.equal(data(only(record, 'lhspg')), undefined);
  t.end();
});
