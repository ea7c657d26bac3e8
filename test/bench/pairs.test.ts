import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startProcess } from '../../bench/measuring_process.js';
import { type Peer, judge, measureCase } from '../../bench/pairs.js';
import { summarise } from '../../bench/statistics.js';
import {
  type Case,
  alsoAtMost,
  fasterThan,
  nearRoofline,
  ratioTo,
  valueAtMost,
} from '../../bench/suite.js';

const fake = fileURLToPath(new URL('./fake_peer.js', import.meta.url));
const start = (behaviour: string, seconds: number) =>
  startProcess(behaviour, [process.execPath, fake, behaviour, String(seconds)], process.env);
const options = { pairs: 5, settle: 0, budget: { seconds: 0, calls: 1 } };

const bench: Case = {
  name: 'a case',
  unit: 's',
  peers: ['vec', 'loop'],
  parameters: { rows: 3 },
  memory: { moved: 2, footprint: 1 },
  tolerance: 0.01,
  targets: [ratioTo('vec', 0.6), fasterThan('vec', 2), fasterThan('loop', 8), nearRoofline(1.5)],
  prepare: () => ({ measure: () => ({ values: [] }) }),
};

async function measured(behaviour: string, theirs: readonly number[]) {
  const ours = start('good', 0.25);
  const peers = theirs.map((seconds, i): Peer => ({
    process: start(behaviour, seconds),
    waitPolicy: `policy ${i}`,
  }));
  try {
    return await measureCase(bench, ours, peers, options);
  } finally {
    await Promise.all([ours, ...peers.map(({ process }) => process)].map((side) => side.close()));
  }
}

t.test(
  'when a peer takes twice as long, then the ratio is a half and targets are judged',
  async (t) => {
    const result = await measured('good', [0.5]);
    t.equal(result.ours.median, 0.25);
    t.same(result.peers['vec']?.summary.samples, [0.5, 0.5, 0.5, 0.5, 0.5]);
    t.equal(result.peers['vec']?.ratio, 0.5);
    t.equal(result.peers['loop']?.disagreement, 0);
    t.ok(result.agrees);
    t.same(result.roofline, {
      bytes: 2,
      bandwidth: { copy: 8, inPlace: 4 },
      times: { copy: 1, inPlace: 0.5 },
    });
    t.same(
      result.targets.map(({ value, met }) => [value, met]),
      [
        [0.5, true],
        [2, true],
        [2, false],
        [1, true],
      ],
    );
    t.same(result.also, { calls: 6 }, 'one to warm up, five pairs');
  },
);

t.test('when a peer waits in two ways, then the faster one counts', async (t) => {
  const result = await measured('good', [0.75, 0.5]);
  t.equal(result.peers['vec']?.waitPolicy, 'policy 1');
  t.equal(result.peers['vec']?.ratio, 0.5);
});

t.test('when a peer computes something else, then the result says so', async (t) => {
  const result = await measured('wrong', [0.5]);
  t.notOk(result.agrees);
  t.equal(result.peers['vec']?.disagreement, 1);
});

t.test('when there is no peer, then its targets are neither met nor missed', async (t) => {
  const result = await measured('good', []);
  t.same(result.peers, {});
  t.ok(result.agrees);
  t.same(
    result.targets.map(({ met }) => met),
    [null, null, null, true],
  );
});

t.test('when a target names a value or a further quantity, then that is judged', (t) => {
  const seen = { ours: summarise([2]), also: { rss: 3 }, peers: {}, roofline: null };
  t.match(judge(valueAtMost(2, 'a'), seen), { text: 'a', value: 2, met: true });
  t.match(judge(valueAtMost(1.9, 'a'), seen), { met: false });
  t.match(judge(alsoAtMost('rss', 2, 'b'), seen), { text: 'b', value: 3, met: false });
  t.match(judge(alsoAtMost('absent', 2, 'c'), seen), { value: null, met: null });
  t.match(judge(nearRoofline(1), seen), { value: null, met: null });
  t.end();
});

t.test('when a profile is asked for, then it is made once, after the pairs', async (t) => {
  const dir = t.testdir({});
  const ours = start('good', 0.25);
  const profileTo = (name: string): string => join(dir, `${name}.json`);
  await measureCase(bench, ours, [], { ...options, profileTo });
  t.match(readFileSync(profileTo('a case'), 'utf8'), /^a case /, 'while the case was prepared');
  await ours.close();
});
