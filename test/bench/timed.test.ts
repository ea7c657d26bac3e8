import t from 'tap';
import { timed } from '../../bench/timed.js';

t.test(
  'when calls are counted out, then each is reset, waited for, and divided by its operations',
  (t) => {
    const log: string[] = [];
    const measure = timed({
      reset: () => void log.push('reset'),
      call: () => void log.push('call'),
      wait: () => void log.push('wait'),
      operations: 10,
    });
    const { values } = measure({ seconds: 60, calls: 2 });
    t.equal(values.length, 2);
    t.ok(values.every((v) => v > 0 && v < 0.1));
    const one = ['reset', 'wait', 'call', 'wait'];
    t.same(log, [...one, ...one]);
    t.end();
  },
);

t.test('when the time is used up, then one call is enough', (t) => {
  t.equal(timed({ call: () => undefined })({ seconds: 0, calls: 100 }).values.length, 1);
  t.end();
});
