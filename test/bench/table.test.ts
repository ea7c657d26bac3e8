import t from 'tap';
import { summarise } from '../../bench/statistics.js';
import { describeMachine, describeResult, formatValue, significant } from '../../bench/table.js';
import { exampleResult } from './example_result.js';

t.test('when a value is printed, then with three digits in the unit that fits', (t) => {
  t.equal(formatValue(1.234, 's'), '1.23 s');
  t.equal(formatValue(0.01234, 's'), '12.3 ms');
  t.equal(formatValue(0.0001234, 's'), '123 µs');
  t.equal(formatValue(4.56e-7, 's'), '456 ns');
  t.equal(formatValue(0, 's'), '0.00 ns');
  t.equal(formatValue(0.287, 'MiB'), '0.29 MiB');
  t.equal(significant(1234.5), '1235');
  t.end();
});

t.test('when a result is printed, then peer, ratio, bandwidth and targets are there', (t) => {
  const text = describeResult(exampleResult());
  t.match(text, /ours +2\.00 µs +\(1\.20 µs – 2\.80 µs\)/);
  t.match(text, /4\.00 MB, 125 % of copying \(20\.0 GB\/s\)/);
  t.match(text, /torch +4\.00 µs .*0\.500 \(2\.00 × faster\).*differs 1e-7, passive waiting/);
  t.match(text, /≤ 0\.6 × torch: met \(0\.500\)/);
  t.notMatch(text, /different results/);
  t.end();
});

t.test('when a target is missed, not measured, or results differ, then it is said', (t) => {
  const text = describeResult(
    exampleResult({
      ours: summarise([1]),
      also: { rssGrowthMiB: 3 },
      peers: {},
      roofline: null,
      targets: [
        { text: '< 1 ms', value: 1, met: false },
        { text: '≥ 6 × faster than vec', value: null, met: null },
      ],
      agrees: false,
    }),
  );
  t.match(text, /< 1 ms: MISSED/);
  t.match(text, /faster than vec: not measured/);
  t.match(text, /rssGrowthMiB: 3/);
  t.match(text, /different results/);
  t.end();
});

t.test('when a suite begins, then machine, versions and rates stand above it', (t) => {
  const text = describeMachine(exampleResult({ threads: 2 }));
  t.match(text, /boundary on cpu, 2 threads/);
  t.match(text, /libtorch 2\.11\.0, Node v20, peer torch 2\.11\.0, commit abc1234, load 0\.1/);
  t.match(text, /copy 20\.0, in place 30\.0, read 10\.0 GB\/s; GEMM fp32 400, bf16 800 GFLOP\/s/);
  t.end();
});
