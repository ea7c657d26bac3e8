import t from 'tap';
import { disagreement, median, percentile, summarise } from '../../bench/statistics.js';

t.test(
  'when values are odd or even in number, then the median is the middle one or between',
  (t) => {
    t.equal(median([3, 1, 2]), 2);
    t.equal(median([4, 1, 3, 2]), 2.5);
    t.equal(median([7]), 7);
    t.end();
  },
);

t.test('when a percentile falls between two values, then it is interpolated', (t) => {
  const values = [50, 10, 40, 20, 30];
  t.equal(percentile(values, 0), 10);
  t.equal(percentile(values, 0.1), 14);
  t.equal(percentile(values, 0.9), 46);
  t.equal(percentile(values, 1), 50);
  t.same(values, [50, 10, 40, 20, 30], 'the samples keep their order');
  t.end();
});

t.test('when there are no values, then the median is not a number', (t) => {
  t.ok(Number.isNaN(median([])));
  t.end();
});

t.test('when samples are summarised, then all of them stay beside the summary', (t) => {
  const { samples, median: middle, p10, p90, min, max } = summarise([5, 1, 3]);
  t.same(samples, [5, 1, 3]);
  t.same([middle, min, max], [3, 1, 5]);
  t.same([p10, p90], [1.4, 4.6]);
  t.end();
});

t.test('when checks agree, then they differ by nothing, else by the share of the norm', (t) => {
  t.equal(disagreement({ a: [10, 2], b: [4, 0] }, { a: [10, 2], b: [4, 0] }), 0);
  t.equal(disagreement({ a: [10, 2] }, { a: [10, 3] }), 0.1);
  t.equal(disagreement({ a: [0, 2] }, { a: [0, 3] }), 1, 'a norm of zero divides nothing');
  t.end();
});

t.test('when checks cannot be compared, then they differ without bound', (t) => {
  t.equal(disagreement({ a: [1] }, { b: [1] }), Infinity);
  t.equal(disagreement({ a: [1] }, { a: [1], b: [1] }), Infinity);
  t.equal(disagreement({ a: [1, 2] }, { a: [1] }), Infinity);
  t.equal(disagreement({ a: [1, NaN] }, { a: [1, NaN] }), Infinity);
  t.end();
});
