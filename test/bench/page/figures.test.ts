import t from 'tap';
import { latest, limitFigures, met, peerFigures } from '../../../bench/page/figures.js';
import { summarise } from '../../../bench/statistics.js';
import {
  fasterThan,
  nearRoofline,
  ratioTo,
  timesAsFast,
  valueAtMost,
} from '../../../bench/suite.js';
import { exampleResult } from '../example_result.js';

t.test('when a figure was measured more than once, then its latest result counts', (t) => {
  const old = exampleResult({ date: '2026-01-01T00:00:00.000Z' });
  const recent = exampleResult({ date: '2026-02-01T00:00:00.000Z' });
  const other = exampleResult({ threads: 2, date: '2026-01-15T00:00:00.000Z' });
  t.same(latest([recent, other, old]), [recent, other]);
  t.same(latest([old, other, recent]), [recent, other]);
  t.end();
});

t.test('when targets are read from their text, then they are those that were made', (t) => {
  t.same(timesAsFast(ratioTo('torch', 0.5).text), { peer: 'torch', times: 2 });
  t.same(timesAsFast(fasterThan('vec', 19).text), { peer: 'vec', times: 19 });
  t.equal(timesAsFast(nearRoofline(1.5).text), undefined);
  t.equal(timesAsFast(valueAtMost(1, '< 50 ms').text), undefined);
  t.end();
});

t.test('when peers were measured, then each is a figure, with its own target', (t) => {
  const peer = (ratio: number) => ({
    ...{ summary: summarise([1]), ratio, waitPolicy: 'default', disagreement: null },
  });
  const result = exampleResult({
    peers: { vec: peer(0.25), loop: peer(0.5), oto: peer(2) },
    targets: [
      { text: '≥ 3 × faster than vec', value: 4, met: true },
      { text: '≤ 0.4 × loop', value: 0.5, met: false },
    ],
  });
  const figures = peerFigures([result]);
  t.same(
    figures.map(({ peer: name, times, target }) => [name, times, target]),
    [
      ['vec', 4, 3],
      ['loop', 2, 2.5],
      ['oto', 0.5, null],
    ],
  );
  t.same(figures.map(met), [true, false, null]);
  t.end();
});

t.test('when bytes or products are counted, then the share of the limit is told', (t) => {
  const roofline = exampleResult().roofline;
  const both = exampleResult({ roofline, compute: { flops: 10, rate: 100, share: 0.4 } });
  t.same(
    limitFigures([both]).map(({ limit, share }) => [limit, share]),
    [
      ['copy bandwidth', 1.25],
      ['GEMM rate', 0.4],
    ],
  );
  t.same(limitFigures([exampleResult({ roofline: null, compute: null })]), []);
  t.end();
});
