import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  compareResults,
  describeComparison,
  readResults,
  refuseRegressions,
} from '../../bench/compare.js';
import { summarise } from '../../bench/statistics.js';
import { exampleResult } from './example_result.js';

const taking = (seconds: number, name = 'add') =>
  exampleResult({ case: name, ours: summarise([seconds]), peers: {} });

t.test(
  'when a median is more than a twentieth above the earlier one, then it is a regression',
  (t) => {
    const before = [taking(1, 'a'), taking(1, 'b'), taking(1, 'c')];
    const now = [taking(1.2, 'a'), taking(1.05, 'b'), taking(0.5, 'c'), taking(1, 'new')];
    const compared = compareResults(now, before);
    t.same(
      compared.map(({ ratio, regressed }) => [ratio, regressed]),
      [
        [1.2, true],
        [1.05, false],
        [0.5, false],
      ],
    );
    const lines = describeComparison(compared).split('\n');
    t.match(lines[0], /boundary \/ a \/ cpu \/ 1.* 1\.00 s →.* 1\.20 s {2}× 1\.20.*REGRESSED/);
    t.notMatch(lines[1], /REGRESSED/);
    t.throws(() => refuseRegressions(compared), {
      ...{ code: 'BENCH_REGRESSED', exitCode: 11, message: /boundary \/ a .*× 1\.20\)$/ },
      facts: { regressed: [{ ratio: 1.2 }] },
    });
    refuseRegressions(compared.slice(1));
    t.end();
  },
);

t.test('when the samples of both runs overlap, then a slower median is noise', (t) => {
  const before = exampleResult({ ours: summarise([1, 1.3, 0.9, 1, 1]), peers: {} });
  const regressed = (...samples: number[]) =>
    compareResults([exampleResult({ ours: summarise(samples), peers: {} })], [before])[0];
  const wide = regressed(1.1, 1.2, 1.2, 1.2, 1.3);
  t.equal(wide?.regressed, false);
  t.ok(Math.abs((wide?.noise ?? 0) - 0.24) < 1e-12, 'p10 0.94 to p90 1.18 of the wider run');
  t.equal(regressed(1.2, 1.21, 1.22, 1.23, 1.24)?.regressed, true);
  t.end();
});

t.test('when the peer became slower alike, then it is the machine', (t) => {
  const run = (ours: number, theirs: number) => {
    const peer = { ratio: ours / theirs, waitPolicy: 'default', disagreement: null };
    return exampleResult({
      ours: summarise([ours]),
      peers: { torch: { summary: summarise([theirs]), ...peer } },
    });
  };
  const compared = compareResults([run(1.5, 3)], [run(1, 2)]);
  t.match(compared, [{ ratio: 1.5, peerRatio: 1.5, regressed: false }]);
  t.match(describeComparison(compared), /peer × 1\.50/);
  t.match(compareResults([run(1.5, 2)], [run(1, 2)]), [{ peerRatio: 1, regressed: true }]);
  t.end();
});

t.test('when threads or device differ, then figures are not compared', (t) => {
  const before = [taking(1), exampleResult({ threads: 2 })];
  t.same(compareResults([exampleResult({ device: 'cuda' })], before), []);
  t.match(describeComparison([]), /no figure/);
  t.equal(compareResults([exampleResult({ threads: 2 })], before)[0]?.ratio, 1);
  t.end();
});

t.test('when a figure stands twice in a file, then the last one counts', (t) => {
  t.equal(compareResults([taking(1)], [taking(4), taking(2)])[0]?.ratio, 0.5);
  t.end();
});

t.test('when a result is written and read, then nothing is lost', (t) => {
  const path = join(t.testdir(), 'results.jsonl');
  const results = [taking(1), exampleResult()];
  writeFileSync(path, results.map((r) => `${JSON.stringify(r)}\n`).join(''));
  t.same(readResults(path), results);
  t.end();
});

t.test('when a file is absent or holds something else, then the error names the line', (t) => {
  const path = join(t.testdir(), 'results.jsonl');
  t.throws(() => readResults(path), { code: 'DATA_NOT_FOUND' });
  for (const line of ['{"suite":', '{"suite": "a"}', '[]', 'null', '{"suite":"a","ours":{}}']) {
    writeFileSync(path, `${JSON.stringify(exampleResult())}\n\n${line}\n`);
    t.throws(() => readResults(path), { code: 'DATA_INVALID', facts: { line: 3 } }, line);
  }
  t.end();
});
