import t from 'tap';
import { lossAwarePull } from '../../lib/lhspg/pull.js';

const norm = 2;
const even = 0.1;
const moments = (inner: number, step: number) => ({ squared: norm * norm, inner, step });

t.test('when descent shrinks the group already, then the pull is the linear one', (t) => {
  t.equal(lossAwarePull(moments(-0.5, 1), even), even);
  t.equal(lossAwarePull(moments(0, 1), even), even);
  t.end();
});

t.test(
  'when descent grows the group, then the pull is twice what it takes, between λ₀ and 10·λ₀',
  (t) => {
    // λ_lo = ⟨x, u⟩ / 2, λ_hi = 2‖u‖² / ⟨x, u⟩
    t.equal(lossAwarePull(moments(0.4, 4), even), 0.4, '2·λ_lo = 0.4');
    t.equal(lossAwarePull(moments(0.04, 4), even), even, '2·λ_lo = 0.04 is below the linear pull');
    t.equal(lossAwarePull(moments(1.6, 9), even), 1, '2·λ_lo = 1.6 is above ten times it');
    t.end();
  },
);

t.test('when that would not descend any more, then the pull lies between λ_lo and λ_hi', (t) => {
  // u along x: λ_lo = ‖u‖ = λ_hi
  const u = 0.2;
  t.ok(Math.abs(lossAwarePull(moments(norm * u, u * u), even) - u) < 1e-12);
  // cos = 0.8: λ_lo = 0.8‖u‖ = 0.4, λ_hi = ‖u‖/0.8 = 0.625
  t.ok(Math.abs(lossAwarePull(moments(norm * 0.5 * 0.8, 0.25), even) - 0.5125) < 1e-12);
  t.end();
});
