import t from 'tap';
import { taskList, taskNames, tasks } from '../../lib/evaluate/index.js';
import { rowsOf } from '../fixtures/evaluation.js';

t.test('when tasks are named, then each comes once, in order', (t) => {
  t.strictSame(taskList(['boolq', 'arc_easy', 'boolq']), ['boolq', 'arc_easy']);
  t.end();
});

t.test('when a name is unknown, then the nearest is offered', (t) => {
  t.throws(() => taskList(['boolq', 'arc-easy']), {
    code: 'TASK_UNKNOWN',
    hint: /did you mean arc_easy\?/,
  });
  t.throws(() => taskList(['qqqqqqqqqqqqq']), { code: 'TASK_UNKNOWN', hint: /^the tasks are/ });
  t.throws(() => taskList(['toString']), { code: 'TASK_UNKNOWN' });
  t.throws(() => taskList([]), { code: 'TASK_UNKNOWN' });
  t.end();
});

// The contract of every entry.
for (const name of taskNames) {
  t.test(`when ${name} reads its documents, then every question can be judged`, async (t) => {
    t.ok(tasks[name].metrics.includes('acc'));
    for (const row of await rowsOf(name)) {
      const { pairs, choices, gold, target, doc } = tasks[name].question(row);
      t.equal(pairs.length, choices.length);
      t.ok(choices.length >= 2);
      t.ok(gold >= 0 && gold < choices.length);
      t.ok(target.length > 0);
      t.match(doc, row);
    }
    t.throws(() => tasks[name].question({}), { code: 'DATA_INVALID' });
  });
}
