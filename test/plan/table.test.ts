import t from 'tap';
import { table, wrap } from '../../lib/plan/table.js';

const rows = [
  ['group', 'units', 'because'],
  ['heads', '32', ''],
  ['channels', '11,008', 'a reason that takes more than one line of a terminal'],
];

t.test('when a table fits, then numbers stand right and the last column wraps', (t) => {
  t.same(table(rows, 50), [
    'group      units  because',
    'heads         32',
    'channels  11,008  a reason that takes more than',
    '                  one line of a terminal',
  ]);
  t.end();
});

t.test('when a terminal is narrow, then rows are stacked and no line is wider', (t) => {
  const lines = table(rows, 30);
  t.same(lines.slice(0, 4), ['heads', '  units: 32', 'channels', '  units: 11,008']);
  t.ok(lines.every((line) => line.length <= 30));
  t.end();
});

t.test('when a word is longer than a line, then it has its own', (t) => {
  t.same(wrap('a looooooong b', 6), ['a', 'looooooong', 'b']);
  t.same(wrap('', 6), ['']);
  t.end();
});
