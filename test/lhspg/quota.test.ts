import t from 'tap';
import { periodQuotas, quotasOf } from '../../lib/lhspg/quota.js';

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

t.test(
  'when units are shared among periods, then they add up and no period has two more than another',
  (t) => {
    for (let total = 0; total <= 40; total++) {
      for (let periods = 1; periods <= 9; periods++) {
        const quotas = periodQuotas(total, periods);
        t.equal(quotas.length, periods);
        t.equal(sum(quotas), total, `${total} units in ${periods} periods`);
        t.ok(Math.max(...quotas) - Math.min(...quotas) <= 1);
      }
    }
    t.strictSame(periodQuotas(7, 3), [2, 2, 3]);
    t.end();
  },
);

t.test('when a group is guarded, then all its units wait for the last period', (t) => {
  const totals = new Map([
    ['a', 7],
    ['b', 5],
    ['c', 0],
  ]);
  const quotas = quotasOf(totals, 3, new Set(['b', 'unknown']));
  t.strictSame(
    [...quotas],
    [
      ['a', [2, 2, 3]],
      ['b', [0, 0, 5]],
      ['c', [0, 0, 0]],
    ],
  );
  t.strictSame([...quotasOf(totals, 1, new Set(['a']))][0], ['a', [7]]);
  t.end();
});
