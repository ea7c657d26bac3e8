import t from 'tap';
import { texts } from '../../../lib/report/sections/texts.js';
import { only, sampleRecord, tables } from '../sample_record.js';

t.test('when perplexities have names, then each metric has a row and each model a column', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.texts = values['evaluate-cut']!.texts!.slice(0, 1);
  });
  const [table] = tables(texts(record));
  t.strictSame(table?.head, [
    ...['protocol:text', 'metric', 'dense', 'cut', 'recovered', 'last against dense'],
    ...['window', 'windows', 'tokens'],
  ]);
  const change = '+3.1\u00a0%';
  t.strictSame(table?.rows.slice(0, 3), [
    ['gptq:wikitext2', 'perplexity', '25.29', '34.8', '26.07', change, '512', '671', '342,881'],
    [
      ...['lm-eval-wikitext:wikitext2', 'word perplexity', '75.87', '–', '78.21', change],
      ...['512', '700', '343,554'],
    ],
    ['', 'byte perplexity', '2.31', '–', '2.31', '+0.0\u00a0%', '', '', ''],
  ]);
  t.end();
});

t.test('when one model was measured, then nothing is compared; without texts no section', (t) => {
  const record = sampleRecord(t);
  const [table] = tables(texts(only(record, 'evaluate-dense')));
  t.strictSame(table?.head.slice(2, 4), ['dense', 'window']);
  delete record.values['evaluate-dense']!.texts;
  t.equal(texts(only(record, 'evaluate-dense')), undefined);
  t.end();
});
