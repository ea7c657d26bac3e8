import t from 'tap';
import { sleepAtBarriers } from '../../lib/native/openmp.js';

t.test('when the user said nothing, then OpenMP threads sleep at barriers', (t) => {
  delete process.env['OMP_WAIT_POLICY'];
  sleepAtBarriers();
  t.equal(process.env['OMP_WAIT_POLICY'], 'passive');
  t.end();
});

t.test('when the user chose a policy, then it stays', (t) => {
  process.env['OMP_WAIT_POLICY'] = 'active';
  sleepAtBarriers();
  t.equal(process.env['OMP_WAIT_POLICY'], 'active');
  t.end();
});
