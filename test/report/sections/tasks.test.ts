import t from 'tap';
import { tasks } from '../../../lib/report/sections/tasks.js';
import { only, sampleRecord, tables } from '../sample_record.js';

const nb = '\u00a0%';
const both = (value: string, error: string) => [`${value}${nb}`, `±\u00a0${error}${nb}`];

t.test('when tasks were evaluated, then each metric has a row and each model a column', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.tasks['arc_easy'] = { 'acc,none': 0.25, 'acc_stderr,none': 0.00949 };
    values['evaluate-dense']!.tasks['boolq'] = { 'acc,none': 1, 'acc_stderr,none': 0 };
  });
  const [table] = tables(tasks(record));
  t.strictSame(table?.head, [
    'task',
    'metric',
    'dense',
    '',
    'cut',
    '',
    'recovered',
    '',
    'documents',
  ]);
  t.strictSame(table?.rows, [
    [
      'arc_easy',
      'acc',
      ...both('28.1', '0.9'),
      ...both('25.0', '0.9'),
      ...both('28.1', '0.9'),
      '2,376',
    ],
    ['arc_easy', 'acc_norm', ...both('27.5', '0.9'), '–', '–', ...both('27.5', '0.9'), '2,376'],
    ['boolq', 'acc', ...both('100.0', '0.0'), '–', '–', '–', '–', '–'],
  ]);
  t.end();
});

t.test('when a metric has no standard error, then it stands alone', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-dense']!.tasks = { piqa: { 'acc,none': 0.5, alias: 1 } };
  });
  const [table] = tables(tasks(only(record, 'evaluate-dense')));
  t.strictSame(table?.rows, [['piqa', 'acc', `50.0${nb}`, '–', '–']]);
  t.end();
});

t.test('when a model was evaluated without tasks, then it has no column', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.tasks = {};
  });
  const [table] = tables(tasks(record));
  t.strictSame(table?.head, ['task', 'metric', 'dense', '', 'recovered', '', 'documents']);
  t.end();
});

t.test('when the job asked for no task, then there is no section', (t) => {
  const record = sampleRecord(t, (values) => {
    for (const stage of ['evaluate-dense', 'evaluate-cut', 'evaluate-recovered'] as const) {
      values[stage]!.tasks = {};
    }
  });
  t.equal(tasks(record), undefined);
  t.equal(tasks(only(record)), undefined);
  t.end();
});
