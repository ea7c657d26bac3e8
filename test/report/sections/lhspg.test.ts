import t from 'tap';
import type { LhspgArtefact } from '../../../lib/artefacts.js';
import { lhspg } from '../../../lib/report/sections/lhspg.js';
import { blocks, labels, numbers, only, sampleRecord, tables, texts } from '../sample_record.js';

const nb = '\u00a0%';
const heads = (layer: number) => `layers.${layer}.self_attn.heads`;

/** Two periods: one of three steps whose two units end at zero, one cut at once that has not got there. */
const periods: LhspgArtefact['periods'] = [
  {
    ...{ index: 0, steps: 3, zeroUnits: 2, lossBefore: 2.125, lossAfter: 2.25, parameters: 90 },
    chosen: [{ group: heads(0), units: [3, 1], scores: [0.125, 0.5] }],
    walk: [
      { step: 5, norm: 9, lambda: 0.25, zero: 0 },
      { step: 6, norm: 6, lambda: 0.5, zero: 0 },
      { step: 7, norm: 3, lambda: 0.75, zero: 2 },
    ],
    equality: { maxAbsDifference: 2e-6, logitScale: 10, tolerance: 1e-3 },
  },
  {
    ...{ index: 1, steps: 2, zeroUnits: 2, lossBefore: null, lossAfter: null, parameters: 80 },
    chosen: [{ group: heads(4), units: [2], scores: [NaN] }],
    walk: [{ step: 8, norm: 4, lambda: 1, zero: 0 }],
    equality: null,
  },
];

const record = (t: Parameters<typeof sampleRecord>[0], change: Partial<LhspgArtefact> = {}) =>
  sampleRecord(t, (values) => {
    Object.assign(values.lhspg!, { periods, ...change });
  });

t.test('when periods passed, then each tells what it chose, λ, loss and what is left', (t) => {
  const [table] = tables(lhspg(record(t)));
  t.strictSame(table?.rows, [
    ['1', '3', '2', '2', '0.5', '2.125', '2.25', '90', 'yes, to 2.0e-6'],
    ['2', '2', '1', '2', '1.00', '–', '–', '80', 'all stayed'],
  ]);
  const wrong = structuredClone(periods);
  wrong[0]!.equality!.maxAbsDifference = 1;
  t.equal(tables(lhspg(record(t, { periods: wrong })))[0]?.rows[0]?.at(-1), 'NO');
  t.end();
});

t.test('when units walk to zero, then the drawing ends there only if all are zero', (t) => {
  const [walk] = blocks(lhspg(record(t)), 'chart');
  t.equal(walk?.summary, 'period 1 from 9.00 to 0; period 2 from 4.00 to 4.00');
  t.strictSame(numbers(walk)?.[2], ['1', '7', '3.00', '0.75', '2']);
  t.equal(numbers(walk)?.length, 4);
  t.ok(labels(walk?.wide ?? '').includes('optimiser step'));
  const short = structuredClone(periods.slice(0, 1));
  short[0]!.walk.at(-1)!.zero = 1;
  const [open] = blocks(lhspg(record(t, { periods: short })), 'chart');
  t.equal(open?.summary, 'period 1 from 9.00 to 3.00', 'one unit is not zero yet');
  t.end();
});

t.test(
  'when units were chosen, then a map has them by period and layer, a table by number',
  (t) => {
    const section = lhspg(record(t));
    const [, map] = blocks(section, 'chart');
    t.match(map?.title, /^kv heads chosen/);
    t.equal(map?.summary, 'period 1: 2, period 2: 1');
    t.strictSame(numbers(map), [
      ['1', `\`${heads(0)}\``, '2'],
      ['2', `\`${heads(4)}\``, '1'],
    ]);
    const [chosen] = tables(section, true);
    t.strictSame(chosen?.rows, [
      ['1', `\`${heads(0)}\``, '2', '0.125', '0.5', '3, 1'],
      ['2', `\`${heads(4)}\``, '1', '–', '–', '2'],
    ]);
    t.end();
  },
);

t.test('when a step was taken back, then it is told; when none was, that too', (t) => {
  const rollbacks = [{ step: 9, backTo: 4, rate: 0.5, reason: 'the loss is no number' }];
  const [, back] = tables(lhspg(record(t, { rollbacks })));
  t.strictSame(back?.rows, [['9', '4', '0.5', 'the loss is no number']]);
  t.match(texts(lhspg(record(t))).at(-1), 'no step was taken back');
  t.end();
});

t.test('when a target was met, then what was asked and done stand side by side', (t) => {
  const [first] = texts(lhspg(record(t)));
  t.match(first, `asked 20.0${nb} of all parameters, done **20.09${nb}**, which are 195 units`);
  t.match(first, 'over 2 periods');
  t.match(first, '2 steps of warm-up, 81,920 tokens, learning rate 0.001, seed 0');
  t.end();
});

t.test('when all went at once, then there is no walk to draw', (t) => {
  const once = periods.slice(0, 1).map((p) => ({ ...p, walk: [] }));
  const section = lhspg(record(t, { periods: once }));
  t.match(blocks(section, 'chart')[0]?.title, 'chosen');
  t.match(tables(section)[0]?.rows[0]?.[4], '–');
  t.match(texts(section)[0], 'over 1 period.');
  t.end();
});

t.test('when groups are not known or nothing was pruned, then nothing is made up', (t) => {
  t.equal(lhspg(only(record(t), 'knowledge')), undefined);
  const alone = lhspg(only(record(t), 'lhspg'));
  t.equal(blocks(alone, 'chart').length, 1, 'the walk; no layers without the partition');
  t.equal(tables(alone, true)[0]?.rows.length, 2);
  t.end();
});
