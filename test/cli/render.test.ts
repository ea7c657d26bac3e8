import { Writable } from 'node:stream';
import t from 'tap';
import { renderer } from '../../lib/cli/render.js';
import { stagePlan } from '../../lib/cli/stage_plan.js';
import type { RunEvent } from '../../lib/events.js';

const nothing = () => undefined;

/** A stream that remembers, as a terminal or not. */
function memory(isTTY: boolean) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  Object.assign(stream, {
    isTTY,
    columns: 100,
    cursorTo: nothing,
    clearLine: nothing,
    moveCursor: nothing,
  });
  // eslint-disable-next-line no-control-regex
  const read = () => text.replace(/\u001b\[[\d;?]*[A-Za-z]/g, '');
  return { stream: stream as unknown as NodeJS.WriteStream, read };
}

const progress = (done: number): RunEvent => ({
  type: 'progress',
  stage: 'lhspg',
  done,
  total: 8,
  unit: 'step',
  loss: 2.3456,
  perplexity: 10.44,
  rate: 4,
  note: 'period 1',
});

const events: RunEvent[] = [
  { type: 'stage-start', stage: 'load', reused: true },
  { type: 'stage-end', stage: 'load', seconds: 0 },
  { type: 'stage-start', stage: 'lhspg', reused: false },
  ...[1, 2, 3, 4, 5, 6, 7, 8].map(progress),
  { type: 'saved', path: '/x', what: 'state' },
  { type: 'metric', stage: 'lhspg', step: 1, values: {} },
  { type: 'warning', message: 'mind this' },
  { type: 'stage-end', stage: 'lhspg', seconds: 12 },
];

t.test(
  'when there is no terminal, then plain lines tell the stages and every quarter',
  async (t) => {
    const { stream, read } = memory(false);
    const draw = renderer(stream);
    for (const event of events) draw.event(event);
    draw.note('a note');
    draw.end();
    const lines = read().trimEnd().split('\n');
    t.match(lines, [
      '✓ Read model and data (stands)',
      'Prune progressively (LHSPG) …',
      /^ {2}25 % 2\/8 steps, period 1, loss 2\.346, perplexity 10\.44, 4\.00 steps\/s, 1\.5 s left, [\d.]+ MB$/,
      /^ {2}50 % 4\/8/,
      /^ {2}75 % 6\/8/,
      '! mind this',
      '✓ Prune progressively (LHSPG) 12 s',
      'a note',
    ]);
    t.equal(lines.length, 8);
  },
);

t.test('when there is a terminal, then a bar is drawn and goes away', async (t) => {
  const { stream, read } = memory(true);
  const draw = renderer(stream);
  for (const event of events) draw.event(event);
  draw.end();
  t.match(read(), /=+-+ 12 % 1\/8 steps, period 1, loss 2\.346/);
  t.match(read(), '✓ Prune progressively (LHSPG) 12 s\n');
  t.notMatch(read(), 'saved state');
});

t.test('when stages remain, then the one that goes on says what comes then, in one line', (t) => {
  for (const [columns, expected] of [
    [100, '▸ Prune progressively (LHSPG)  then Cut and verify, Evaluate the dense model, 5 more'],
    [60, '▸ Prune progressively (LHSPG)  then Cut and verify, 6 more'],
    [12, '▸ Prune pro'],
  ] as const) {
    const { stream, read } = memory(true);
    Object.assign(stream, { columns });
    const draw = renderer(stream, stagePlan('run', { instruct: null }));
    draw.event({ type: 'stage-start', stage: 'lhspg', reused: false });
    draw.note('mind this');
    draw.event({ type: 'stage-end', stage: 'lhspg', seconds: 3 });
    draw.end();
    t.strictSame(read().split('\n'), [
      ...[expected, 'mind this', expected, '✓ Prune progressively (LHSPG) 3.0 s', ''],
    ]);
  }
  t.equal(stagePlan('prune', { instruct: null }).at(-1), 'export');
  t.equal(stagePlan('analyze', { instruct: null }).at(-1), 'budget');
  t.ok(stagePlan('recover', { instruct: {} }).includes('recover-instruct'));
  t.end();
});
