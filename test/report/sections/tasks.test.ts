import t from 'tap';
import { tasks } from '../../../lib/report/sections/tasks.js';
import { blocks, only, sampleRecord } from '../sample_record.js';

t.test('when tasks were evaluated, then each metric has a row and each model a column', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.tasks['arc_easy'] = { 'acc,none': 0.25, 'acc_stderr,none': 0.00949 };
    values['evaluate-dense']!.tasks['boolq'] = { 'acc,none': 1, 'acc_stderr,none': 0 };
  });
  const [table] = blocks(tasks(record), 'table');
  t.strictSame(table?.head, ['task', 'metric', 'dense', 'cut', 'recovered', 'documents']);
  t.strictSame(table?.rows, [
    ['arc_easy', 'acc', '28.1 ± 0.9 %', '25.0 ± 0.9 %', '28.1 ± 0.9 %', '2376'],
    ['arc_easy', 'acc_norm', '27.5 ± 0.9 %', '–', '27.5 ± 0.9 %', '2376'],
    ['boolq', 'acc', '100.0 ± 0.0 %', '–', '–', '–'],
  ]);
  t.end();
});

t.test('when a metric has no standard error, then it stands alone', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-dense']!.tasks = { piqa: { 'acc,none': 0.5, alias: 1 } };
  });
  const [table] = blocks(tasks(only(record, 'evaluate-dense')), 'table');
  t.strictSame(table?.rows, [['piqa', 'acc', '50.0 %', '–']]);
  t.end();
});

t.test('when a model was evaluated without tasks, then it has no column', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.tasks = {};
  });
  const [table] = blocks(tasks(record), 'table');
  t.strictSame(table?.head, ['task', 'metric', 'dense', 'recovered', 'documents']);
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
