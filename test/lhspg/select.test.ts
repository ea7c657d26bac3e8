import t from 'tap';
import { selectRedundant } from '../../lib/lhspg/select.js';

const scores = new Map([
  ['a', Float64Array.of(3, 1, 2, 0.5, 1)],
  ['b', Float64Array.of(0, 0, 0, 0)],
]);

t.test('when units are chosen, then they are those of least score, in order of index', (t) => {
  const chosen = selectRedundant(scores, new Map([['a', 3]]), new Map());
  t.strictSame([...chosen], [['a', [1, 3, 4]]]);
  t.end();
});

t.test('when scores tie, then the lower index goes', (t) => {
  const quotas = new Map([
    ['a', 2],
    ['b', 3],
  ]);
  t.strictSame(
    [...selectRedundant(scores, quotas, new Map())],
    [
      ['a', [1, 3]],
      ['b', [0, 1, 2]],
    ],
  );
  t.end();
});

t.test(
  'when units are removed already, then they are not chosen again, whatever their score',
  (t) => {
    const removed = new Map([
      ['a', new Set([3, 1])],
      ['b', new Set([0, 2])],
    ]);
    const quotas = new Map([
      ['a', 2],
      ['b', 2],
    ]);
    t.strictSame(
      [...selectRedundant(scores, quotas, removed)],
      [
        ['a', [2, 4]],
        ['b', [1, 3]],
      ],
    );
    t.end();
  },
);

t.test('when a quota is zero, then the group is not among the chosen', (t) => {
  const quotas = new Map([
    ['a', 0],
    ['b', 1],
  ]);
  t.strictSame([...selectRedundant(scores, quotas, new Map()).keys()], ['b']);
  t.end();
});
