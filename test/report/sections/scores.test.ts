import t from 'tap';
import type { LhspgArtefact } from '../../../lib/artefacts.js';
import { scores } from '../../../lib/report/sections/scores.js';
import { blocks, numbers, only, sampleRecord, texts } from '../sample_record.js';

const heads = (layer: number) => `layers.${layer}.self_attn.heads`;

/** Heads of two layers, five scores each: of layer 0 two went, of layer 1 none. */
const kept: LhspgArtefact['kept'] = [
  { group: heads(0), kept: [1, 3, 4], removed: [0, 2], scores: [9, 4, 9, 2, 3] },
  { group: heads(1), kept: [0, 1], removed: [], scores: [5, 6] },
];

function section(t: Parameters<typeof sampleRecord>[0], chosen: number[], change = kept) {
  const record = sampleRecord(t, (values) => {
    const [period] = values.lhspg!.periods;
    const choice = { group: heads(0), units: [0, 2], scores: chosen };
    values.lhspg!.periods = [{ ...period!, chosen: [choice] }];
    values.lhspg!.kept = change;
  });
  return scores(record);
}

t.test('when units were scored, then quarters of both sides are those of the lists', (t) => {
  const [chart] = blocks(section(t, [0.5, 1.5]), 'chart');
  t.strictSame(numbers(chart), [
    // removed at their choice: 0.5 and 1.5; kept at the last: 2, 3, 4
    [`\`${heads(0)}\``, 'removed', '2', '0.5', '0.75', '1.00', '1.25', '1.50'],
    [`\`${heads(0)}\``, 'kept', '3', '2.00', '2.50', '3.00', '3.50', '4.00'],
    [`\`${heads(1)}\``, 'removed', '0', '–', '–', '–', '–', '–'],
    [`\`${heads(1)}\``, 'kept', '2', '5.00', '5.25', '5.50', '5.75', '6.00'],
  ]);
  t.equal(chart?.summary, 'Medians by layer, removed: 1.00; kept: 3.00, 5.50');
  for (const drawn of [chart?.wide, chart?.narrow]) t.notMatch(drawn, /NaN|undefined|Infinity/);
  t.end();
});

t.test('when scores are zero, below or none, then the chart is drawn all the same', (t) => {
  for (const odd of [
    [0, 1e-9],
    [-1, 400],
    [0, 0],
    [NaN, 1],
  ]) {
    const [chart] = blocks(section(t, odd), 'chart');
    t.ok(chart, String(odd));
    t.notMatch(`${chart?.wide}${chart?.narrow}`, /NaN|undefined|Infinity/, String(odd));
  }
  t.end();
});

t.test('when a run did not keep scores of what stayed, then that side is empty', (t) => {
  const bare = kept.map(({ scores: _, ...group }) => group);
  const [chart] = blocks(section(t, [0.5, 1.5], bare), 'chart');
  t.equal(numbers(chart)?.[1]?.[2], '0');
  t.match(texts(section(t, [1, 1]))[0], 'least `fluctuation` went first');
  t.end();
});

t.test('when nothing was chosen, then there is no chart; when nothing pruned, no section', (t) => {
  const record = sampleRecord(t);
  t.equal(scores(only(record, 'budget')), undefined);
  record.values.lhspg!.kept = [];
  t.equal(scores(record), undefined);
  t.end();
});
