import t from 'tap';
import { heldOut } from '../../lib/data/holdout.js';

t.test('when items are held out, then their share is as asked and the seed decides which', (t) => {
  const chosen = heldOut(1000);
  t.equal(chosen.size, 20);
  for (const index of chosen) t.ok(index >= 0 && index < 1000);
  t.strictSame(heldOut(1000), chosen);
  t.notSame(heldOut(1000, { seed: 1 }), chosen);
  t.equal(heldOut(1000, { fraction: 0.1 }).size, 100);
  t.equal(heldOut(3).size, 1, 'at least one');
  t.equal(heldOut(3, { fraction: 1 }).size, 2, 'never all');
  t.end();
});

t.test('when many seeds are tried, then every item is held out about as often', (t) => {
  const counts = new Array<number>(10).fill(0);
  const n = 4000;
  for (let seed = 0; seed < n; seed++) {
    for (const index of heldOut(10, { fraction: 0.3, seed })) counts[index]! += 1;
  }
  for (const count of counts) t.ok(Math.abs(count - 0.3 * n) < 5 * Math.sqrt(n * 0.3 * 0.7));
  t.end();
});
