import t from 'tap';
import { mixture } from '../../../lib/recovery/mixtures/degradation.js';
import { degradation } from '../../../lib/recovery/mixtures/mixture.js';

const close = (a: number | undefined, b: number): boolean => Math.abs((a ?? NaN) - b) < 1e-12;

t.test(
  'when losses are compared with the dense model’s, then the degradation is relative and may be negative',
  (t) => {
    const delta = degradation({ a: 3, b: 1.5, c: 4 }, { a: 2, b: 2, c: 4 });
    t.strictSame(delta, { a: 0.5, b: -0.25, c: 0 });
    t.end();
  },
);

t.test(
  'when sources suffered differently, then each gets its balanced share and the rest by what it lost',
  (t) => {
    const q = mixture({ a: 0.3, b: 0.1, c: -0.2, d: 0 }, 0.4);
    t.ok(close(q['a'], 0.1 + 0.6 * 0.75));
    t.ok(close(q['b'], 0.1 + 0.6 * 0.25));
    t.ok(close(q['c'], 0.1), 'what gained keeps the balanced share');
    t.ok(close(q['d'], 0.1));
    t.end();
  },
);

t.test('when shares are mixed, then they add up to one, from all balanced to none', (t) => {
  const deltas = [
    { a: 1, b: 2, c: 3 },
    { a: -1, b: 0 },
    { a: 0.5 },
    { a: 0, b: 0, c: 0 },
    { a: -2, b: 5 },
  ];
  for (const delta of deltas) {
    for (const eta of [0, 0.3, 1]) {
      const q = Object.values(mixture(delta, eta));
      t.ok(
        close(
          q.reduce((sum, x) => sum + x, 0),
          1,
        ),
      );
      t.ok(q.every((x) => x >= 0));
    }
  }
  t.strictSame(mixture({ a: 1, b: 3 }, 1), { a: 0.5, b: 0.5 });
  t.strictSame(mixture({ a: 1, b: 3 }, 0), { a: 0.25, b: 0.75 });
  t.strictSame(mixture({ a: -1, b: 3 }, 0), { a: 0, b: 1 });
  t.end();
});

t.test('when nothing suffered, then the mixture is uniform', (t) => {
  t.strictSame(mixture({ a: 0, b: -0.5 }, 0.3), { a: 0.5, b: 0.5 });
  t.end();
});
