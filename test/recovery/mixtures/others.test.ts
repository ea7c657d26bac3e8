import t from 'tap';
import { mixtures } from '../../../lib/recovery/mixtures/index.js';
import type { Standing } from '../../../lib/recovery/mixtures/mixture.js';

const standing: Standing = {
  losses: { a: 3, b: 2, c: 1 },
  dense: { a: 2, b: 2.5, c: 1 },
  sizes: { a: 10, b: 30, c: 60 },
  previous: null,
  eta: 0.3,
};

const near = (found: Record<string, number>, expected: Record<string, number>): boolean =>
  Object.entries(expected).every(([name, x]) => Math.abs((found[name] ?? NaN) - x) < 1e-12);

t.test('when a mixture is composed, then its shares add up to one', (t) => {
  for (const [name, mix] of Object.entries(mixtures)) {
    const shares = Object.values(mix(standing));
    t.equal(shares.length, 3, name);
    t.ok(Math.abs(shares.reduce((a, b) => a + b, 0) - 1) < 1e-12, name);
    t.ok(Object.values(mix({ ...standing, sizes: {} })).every(Number.isFinite), 'without sizes');
  }
  t.end();
});

t.test('when shares are fixed, then they are even or by size', (t) => {
  t.ok(near(mixtures.uniform(standing), { a: 1 / 3, b: 1 / 3, c: 1 / 3 }));
  t.ok(near(mixtures.proportional(standing), { a: 0.1, b: 0.3, c: 0.6 }));
  t.ok(near(mixtures.degradation(standing), { a: 0.1 + 0.7, b: 0.1, c: 0.1 }));
  t.end();
});

t.test(
  'when shares move as in Sheared LLaMA, then they grow with the exponent of the excess',
  (t) => {
    const smooth = (x: number): number => (1 - 1e-4) * x + 1e-4 / 3;
    const total = 0.1 * Math.E + 0.3 + 0.6;
    const first = mixtures.sheared(standing);
    t.ok(near(first, { a: smooth((0.1 * Math.E) / total), b: smooth(0.3 / total) }));
    const next = mixtures.sheared({ ...standing, previous: { a: 0.5, b: 0.25, c: 0.25 } });
    const sum = 0.5 * Math.E + 0.5;
    t.ok(
      near(next, { a: smooth((0.5 * Math.E) / sum), c: smooth(0.25 / sum) }),
      'from those before',
    );
    t.end();
  },
);
