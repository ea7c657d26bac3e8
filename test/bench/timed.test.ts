import t from 'tap';
import { timed, timedInTurn } from '../../bench/timed.js';

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

t.test('when two calls are timed in turn, then a value is the second over the first', (t) => {
  const log: string[] = [];
  const busy = (name: string, ms: number) => ({
    call: () => {
      log.push(name);
      const end = performance.now() + ms;
      while (performance.now() < end);
    },
  });
  const { values, also } = timedInTurn(
    busy('base', 2),
    busy('doubled', 20),
  )({
    ...{ seconds: 60, calls: 2 },
  });
  t.same(log, ['base', 'doubled', 'base', 'doubled']);
  t.equal(values.length, 2);
  t.ok(values.every((v) => v > 1));
  t.ok((also?.['seconds'] ?? 0) >= 0.002 && (also?.['secondsDoubled'] ?? 0) >= 0.02);
  t.end();
});
