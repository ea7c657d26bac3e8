// What libgomp is told about waiting.
import t from 'tap';
import { sleepAtBarriers } from '../../lib/native/openmp.js';

function told(chosen: { policy?: string; spins?: string }) {
  delete process.env['OMP_WAIT_POLICY'];
  delete process.env['GOMP_SPINCOUNT'];
  if (chosen.policy !== undefined) process.env['OMP_WAIT_POLICY'] = chosen.policy;
  if (chosen.spins !== undefined) process.env['GOMP_SPINCOUNT'] = chosen.spins;
  sleepAtBarriers();
  return { policy: process.env['OMP_WAIT_POLICY'], spins: process.env['GOMP_SPINCOUNT'] };
}

t.test(
  'when the user said nothing, then OpenMP threads sleep at barriers after some turns',
  (t) => {
    const { policy, spins } = told({});
    t.equal(policy, 'passive');
    t.ok(Number(spins) >= 1000 && Number(spins) <= 5000, `${spins} turns`);
    sleepAtBarriers();
    t.equal(process.env['GOMP_SPINCOUNT'], spins, 'the same when it is called again');
    t.end();
  },
);

t.test('when the user chose a policy, then it stays, and nothing is added', (t) => {
  t.same(told({ policy: 'active' }), { policy: 'active', spins: undefined });
  t.same(told({ policy: 'passive' }), { policy: 'passive', spins: undefined });
  t.end();
});

t.test('when the user chose the turns, then they stay', (t) => {
  t.same(told({ spins: '7' }), { policy: 'passive', spins: '7' });
  t.end();
});
