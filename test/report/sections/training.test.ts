import t from 'tap';
import type { LhspgArtefact } from '../../../lib/artefacts.js';
import { training } from '../../../lib/report/sections/training.js';
import { blocks, labels, only, sampleRecord, tables } from '../sample_record.js';

type Losses = LhspgArtefact['losses'];

const ramp = (count: number, phases: (step: number) => string = () => 'p'): Losses =>
  Array.from({ length: count }, (_, i) => ({ step: i + 1, loss: i + 1, phase: phases(i + 1) }));

/** The drawing and the row of LHSPG alone with these losses. */
function lhspg(t: Parameters<typeof sampleRecord>[0], losses: Losses) {
  const record = sampleRecord(t, (values) => {
    values.lhspg!.losses = losses;
  });
  const section = training(only(record, 'lhspg'));
  return { chart: blocks(section, 'chart')[0], row: tables(section)[0]?.rows[0] };
}

t.test('when stages trained, then each has its steps, tokens, rate and losses', (t) => {
  const section = training(sampleRecord(t));
  const [table] = tables(section);
  t.strictSame(
    table?.rows.map((row) => row.slice(0, 4)),
    [
      ['LHSPG', '92', '81,920', '0.001'],
      ['recovery on text', '112', '318,080', '0.001'],
      ['recovery on instructions', '24', '50,000', '0.0003'],
    ],
  );
  t.end();
});

t.test('when losses are told, then they are the means of the first and last tenth', (t) => {
  // 1 … 100: the means of 1 … 10 and of 91 … 100
  t.strictSame(lhspg(t, ramp(100)).row?.slice(4), ['5.50', '95.5']);
  // of no more than 20 steps
  t.strictSame(lhspg(t, ramp(1000)).row?.slice(4), ['10.5', '990.5']);
  // and of one at least
  t.strictSame(lhspg(t, ramp(3)).row?.slice(4), ['1.00', '3.00']);
  t.equal(lhspg(t, ramp(100)).chart?.summary, 'LHSPG: 5.50 → 95.5');
  t.end();
});

t.test('when phases follow each other, then each long enough is marked by its name', (t) => {
  const { chart } = lhspg(
    t,
    ramp(100, (step) => (step <= 40 ? 'warm-up' : step === 41 ? 'short' : 'period 1')),
  );
  const drawn = labels(chart?.wide ?? '');
  t.ok(drawn.includes('warm-up') && drawn.includes('period 1'));
  t.notOk(drawn.includes('short'), 'one of a step has no room');
  t.end();
});

t.test('when stages are drawn, then steps go on from one to the next', (t) => {
  const record = sampleRecord(t);
  const whole = labels(blocks(training(record), 'chart')[0]?.wide ?? '');
  t.ok(whole.includes('200'), '92 + 112 + 24 steps');
  t.ok(whole.includes('recovery on instructions'));
  const first = labels(blocks(training(only(record, 'lhspg')), 'chart')[0]?.wide ?? '');
  t.notOk(first.includes('200'));
  t.notOk(first.includes('recovery on text'));
  t.end();
});

t.test('when a run has a hundred thousand steps, then the drawing stays small', (t) => {
  const noisy = ramp(100_000).map((point) => ({ ...point, loss: Math.sin(point.step) }));
  const { chart, row } = lhspg(t, noisy);
  t.equal(row?.[1], '100,000');
  t.ok((chart?.wide.length ?? Infinity) < 100_000, `${chart?.wide.length ?? NaN} characters`);
  t.end();
});

t.test('when the loss is constant, then the running mean has no bias at its start', (t) => {
  const flat = ramp(60).map((point) => ({ ...point, loss: 2 }));
  const { chart } = lhspg(t, flat);
  const heights = (path: string) =>
    new Set(Array.from(path.matchAll(/[ML ]([\d.]+) ([\d.]+)/g), ([, , y]) => y));
  const lines = Array.from(
    chart?.wide.matchAll(/<path d="([^"]*)" fill="none"[^>]*stroke="#4b8fc9"/g) ?? [],
    ([, d = '']) => heights(d),
  );
  t.equal(lines.length, 2, 'each step, and the mean');
  t.strictSame([...lines[0]!], [...lines[1]!]);
  t.equal(lines[0]?.size, 1);
  t.end();
});

t.test('when nothing was trained, then there is no section', (t) => {
  const record = sampleRecord(t, (values) => {
    values.lhspg!.losses = [];
  });
  t.equal(training(only(record, 'lhspg', 'compress')), undefined, 'a one-shot cut');
  t.equal(training(only(record)), undefined);
  const [table] = tables(training(only(record, 'lhspg', 'recover-pretraining')));
  t.strictSame(
    table?.rows.map(([name]) => name),
    ['recovery on text'],
  );
  t.end();
});
