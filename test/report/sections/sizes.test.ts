import t from 'tap';
import { sizes } from '../../../lib/report/sections/sizes.js';
import { only, sampleRecord, tables, texts } from '../sample_record.js';

const nb = '\u00a0%';

t.test('when the model was cut, then sizes stand side by side, on disk and in use', (t) => {
  const [table] = tables(sizes(sampleRecord(t)));
  t.strictSame(table?.rows, [
    ['parameters', '260,032', '207,792', `−20.1${nb}`],
    ['weights on disk', '1.04 MB', '835 kB', `−20.0${nb}`],
    ['multiply-accumulates of a token, whole context', '250,000', '200,000', `−20.0${nb}`],
    ['key-value cache of a token', '1.28 kB', '960 B', `−25.0${nb}`],
    ['memory of weights and cache, whole context', '1.70 MB', '1.32 MB', `−22.0${nb}`],
    ['kv heads per layer', '4', '3', `−25.0${nb}`],
    ['query heads per layer', '8', '6', `−25.0${nb}`],
    ['MLP channels per layer', '172', '134', `−22.1${nb}`],
  ]);
  t.end();
});

t.test('when layers differ, then no one number is told for all', (t) => {
  const record = sampleRecord(t, (values) => {
    Object.assign(values.compress!.after, { kvHeads: null, channels: null });
    Object.assign(values.compress!.before, { channels: null });
  });
  const [table] = tables(sizes(record));
  const row = (name: string) => table?.rows.find(([first]) => first === `${name} per layer`);
  t.strictSame(row('kv heads')?.slice(1), ['4', 'differs', '–']);
  t.equal(row('MLP channels'), undefined, 'where neither side has one, there is no row');
  t.end();
});

t.test('when only the budget is known, then it is a plan', (t) => {
  const [table] = tables(sizes(only(sampleRecord(t), 'budget')));
  t.strictSame(table?.head, ['', 'before', 'as planned', 'change']);
  t.strictSame(table?.rows[0], ['parameters', '260,032', '207,792', `−20.1${nb}`]);
  t.equal(sizes(only(sampleRecord(t), 'knowledge')), undefined);
  t.end();
});

t.test('when models were timed, then their speed is tokens by seconds', (t) => {
  const record = sampleRecord(t);
  const cut = { read: { tokens: 1000, seconds: 0.5 }, written: { tokens: 60, seconds: 0 } };
  const timings = { ...record.timings, 'evaluate-cut': cut };
  delete timings['evaluate-recovered'];
  const [, speed] = tables(sizes({ ...record, timings }));
  t.strictSame(speed?.rows, [
    ['dense', '60,200', '300'],
    ['cut', '2,000', '–'],
  ]);
  t.end();
});

t.test('when the model was exported, then as what, in which form, and why', (t) => {
  t.match(
    texts(sizes(sampleRecord(t))).at(-1),
    /^Exported as `mistral`, 835 kB of weights: 6 query heads/,
  );
  const padded = sampleRecord(t, (values) => {
    const waste = { parameters: 10, bytes: 40 };
    values.export = { ...values.export!, modelType: 'llama', form: 'padded', waste };
    delete values.export.reason;
  });
  t.equal(
    texts(sizes(padded)).at(-1),
    'Exported as `llama` in the padded form, 835 kB of weights, of which 40.0 B are zeros that only fill.',
  );
  t.notMatch(texts(sizes(only(padded, 'compress'))).join(), /Exported/);
  t.end();
});
