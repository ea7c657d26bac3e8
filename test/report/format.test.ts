import t from 'tap';
import { bytes, change, digits, duration, percent, whole } from '../../lib/report/format.js';

t.test('when numbers are shown, then four digits matter', async (t) => {
  const cases: [number, string][] = [
    [8.4312, '8.431'],
    [8.4, '8.40'],
    [760.24, '760.2'],
    [12345.6, '12,350'],
    [0.012345, '0.01235'],
    [0.5, '0.5'],
    [0, '0'],
    [-2.5, '-2.50'],
    [0.00001234, '1.2e-5'],
    [NaN, '–'],
    [Infinity, '–'],
  ];
  for (const [value, shown] of cases) t.equal(digits(value), shown);
});

t.test('when shares and changes are shown, then with their sign', async (t) => {
  t.equal(percent(0.1984), '19.8\u00a0%');
  t.equal(percent(-0.05, 0), '−5\u00a0%');
  t.equal(change(10, 11), '+10.0\u00a0%');
  t.equal(change(10, 9), '−10.0\u00a0%');
  t.equal(whole(1234567.4), '1,234,567');
});

t.test('when sizes are shown, then in powers of ten', async (t) => {
  t.equal(bytes(0), '0 B');
  t.equal(bytes(999), '999 B');
  t.equal(bytes(1_040_128), '1.04 MB');
  t.equal(bytes(26_900_000_000), '26.9 GB');
});

t.test('when time is shown, then as a person says it', async (t) => {
  t.equal(duration(0.04), '0.0 s');
  t.equal(duration(42.4), '42 s');
  t.equal(duration(185), '3 min 05 s');
  t.equal(duration(7800), '2 h 10 min');
});
