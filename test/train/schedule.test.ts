import t from 'tap';
import { cosineWithWarmup, schedules } from '../../lib/train/schedule.js';

const rates = (total: number, warmup: number): number[] =>
  Array.from({ length: total }, (_, step) => cosineWithWarmup(step, { total, warmup }));

t.test('when there is no warm-up, then half a cosine from 1 towards 0', (t) => {
  t.equal(cosineWithWarmup(0, { total: 10, warmup: 0 }), 1);
  t.ok(Math.abs(cosineWithWarmup(5, { total: 10, warmup: 0 }) - 0.5) < 1e-15);
  t.ok(cosineWithWarmup(10, { total: 10, warmup: 0 }) < 1e-15);
  t.ok(cosineWithWarmup(14, { total: 10, warmup: 0 }) < 1e-15, 'and stays there');
  const falling = rates(10, 0);
  t.same(
    falling,
    [...falling].sort((a, b) => b - a),
  );
  t.end();
});

t.test('when there is a warm-up, then the rate rises in a line to the curve', (t) => {
  const plain = rates(10, 0);
  const warm = rates(10, 4);
  t.same(
    warm.map((rate, i) => rate / plain[i]!),
    [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1],
  );
  t.ok(
    warm.every((rate) => rate > 0 && rate <= 1),
    'no step is wasted on a rate of 0',
  );
  t.end();
});

t.test('when a schedule is named, then it rises over the warm-up and ends where it says', (t) => {
  const options = { total: 10, warmup: 2 };
  for (const name of ['constant', 'linear', 'cosine'] as const) {
    t.equal(schedules[name](0, { total: 10, warmup: 0 }), 1, name);
    t.equal(schedules[name](0, options) / schedules[name](0, { total: 10, warmup: 0 }), 0.5, name);
  }
  t.equal(schedules.constant(9, options), 1);
  t.ok(Math.abs(schedules.linear(4, options) - 0.6) < 1e-15);
  t.equal(schedules.linear(12, options), 0);
  t.end();
});
