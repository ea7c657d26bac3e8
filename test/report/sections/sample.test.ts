import t from 'tap';
import { sample } from '../../../lib/report/sections/sample.js';
import { blocks, only, sampleRecord, texts } from '../sample_record.js';

t.test('when models wrote after a prompt, then each text stands under its model as it is', (t) => {
  const written = '<b>bold</b>\n```\n| a |';
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.sample = { prompt: 'Once upon a time', text: written };
  });
  const section = sample(record);
  t.match(texts(section)[0], '“Once upon a time”');
  t.strictSame(texts(section).slice(1), ['**dense**', '**cut**', '**recovered**']);
  const code = blocks(section, 'code');
  t.equal(code.length, 3);
  t.equal(code[1]?.text, written);
  t.ok(code.every(({ language }) => language === 'text'));
  t.strictSame(
    section?.blocks.slice(1).map(({ kind }) => kind),
    ['text', 'code', 'text', 'code', 'text', 'code'],
  );
  t.end();
});

t.test('when only some models wrote, then only they are shown', (t) => {
  const record = sampleRecord(t, (values) => {
    delete values['evaluate-dense']!.sample;
  });
  t.strictSame(texts(sample(record)).slice(1), ['**cut**', '**recovered**']);
  t.strictSame(texts(sample(only(record, 'evaluate-cut'))).slice(1), ['**cut**']);
  t.end();
});

t.test('when no model wrote, then there is no section', (t) => {
  const record = sampleRecord(t);
  t.equal(sample(only(record, 'knowledge', 'lhspg')), undefined);
  const mute = sampleRecord(t, (values) => {
    delete values['evaluate-dense']!.sample;
  });
  t.equal(sample(only(mute, 'evaluate-dense')), undefined);
  t.end();
});
