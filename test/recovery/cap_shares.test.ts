import t from 'tap';
import { capShares } from '../../lib/recovery/cap_shares.js';

const rounded = (shares: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(shares).map(([name, x]) => [name, Number(x.toFixed(9))]));

t.test('when every source has its share, then nothing changes', (t) => {
  const shares = { a: 0.1 + 0.2, b: 0.7 };
  const found = capShares(shares, { a: 30, b: 70 }, 100);
  t.equal(found.shares, shares);
  t.strictSame([found.capped, found.repeats], [[], false]);
  t.end();
});

t.test('when a source is too small, then it gives what it has, and the others the rest', (t) => {
  const one = capShares({ a: 0.5, b: 0.3, c: 0.2 }, { a: 20, b: 100, c: 100 }, 100);
  t.strictSame(rounded(one.shares), { a: 0.2, b: 0.48, c: 0.32 });
  t.strictSame(one.capped, ['a']);
  // b takes over what a cannot give, and is then too small itself
  const two = capShares({ a: 0.5, b: 0.3, c: 0.2 }, { a: 20, b: 40, c: 100 }, 100);
  t.strictSame(rounded(two.shares), { a: 0.2, b: 0.4, c: 0.4 });
  t.strictSame(two.capped, ['a', 'b']);
  const idle = capShares({ a: 1, b: 0, c: 0 }, { a: 50, b: 30, c: 90 }, 100);
  t.strictSame(rounded(idle.shares), { a: 0.5, b: 0.125, c: 0.375 }, 'by what they have left');
  t.end();
});

t.test(
  'when all sources together are too small, then each gives by its size and it is said',
  (t) => {
    const found = capShares({ a: 0.9, b: 0.1 }, { a: 10, b: 30 }, 100);
    t.strictSame(found.shares, { a: 0.25, b: 0.75 });
    t.strictSame([found.capped, found.repeats], [['a'], true]);
    t.strictSame(
      capShares({ a: 0.5, b: 0.5 }, { a: 40, b: 60 }, 100).repeats,
      false,
      'just enough',
    );
    t.end();
  },
);
