import t from 'tap';
import { takenBack } from '../../lib/report/taken_back.js';

t.test('when a cut cost something, then what came back is a share of it', (t) => {
  t.equal(takenBack(2, 3, 2.25), 0.75);
  t.equal(takenBack(2, 3, 3.5), -0.5, 'recovery made it worse');
  t.equal(takenBack(2, 3, 1.5), 1.5, 'better than the dense model');
  t.equal(takenBack(2, 2, 1.5), null, 'nothing was lost');
  t.end();
});
