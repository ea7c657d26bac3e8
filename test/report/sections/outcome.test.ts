import t from 'tap';
import type { EvaluationArtefact } from '../../../lib/artefacts.js';
import { evaluations, headlines, outcome } from '../../../lib/report/sections/outcome.js';
import {
  type Values,
  blocks,
  labels,
  numbers,
  only,
  sampleRecord,
  texts,
  tables,
} from '../sample_record.js';

const nb = '\u00a0%';

/** Sets the perplexities of one model, and their geometric mean with them. */
function set(
  values: Values,
  stage: 'dense' | 'cut' | 'recovered',
  ...perplexities: number[]
): void {
  const found = values[`evaluate-${stage}`]!;
  found.perplexity.forEach((row, i) => (row.perplexity = perplexities[i]!));
  const product = perplexities.reduce((a, b) => a * b, 1);
  found.geometricMean = product ** (1 / perplexities.length);
}

t.test('when a run has ended, then its headlines are sizes, perplexity and what came back', (t) => {
  const record = sampleRecord(t, (values) => {
    set(values, 'dense', 8, 8, 8);
    set(values, 'cut', 32, 32, 32);
    set(values, 'recovered', 8, 16, 32);
    Object.assign(values.compress!.before, { parameters: 1000, bytes: 4_000_000 });
    Object.assign(values.compress!.after, { parameters: 750, bytes: 3_000_000 });
  });
  t.strictSame(
    headlines(record).map(({ value, note }) => [value.shown, note]),
    [
      [`25.0${nb}`, '1,000 → 750'],
      ['16.0', `dense 8.00, +100.0${nb}`],
      [`50${nb}`, 'perplexity 32.0 right after the cut'],
      ['3.00 MB', 'before 4.00 MB'],
    ],
  );
  t.end();
});

t.test('when a run was stopped, then the headlines say what is known', (t) => {
  const record = sampleRecord(t);
  const labelsOf = (...stages: Parameters<typeof only>[1][]) =>
    headlines(only(record, ...stages)).map(({ label }) => label);
  t.strictSame(labelsOf(), []);
  t.strictSame(labelsOf('evaluate-dense'), []);
  t.strictSame(labelsOf('evaluate-dense', 'compress'), ['Parameters removed', 'Weights on disk']);
  t.match(labelsOf('evaluate-dense', 'compress', 'evaluate-cut')[1], /cut, not recovered$/);
  t.equal(labelsOf('evaluate-cut', 'evaluate-recovered').length, 0, 'nothing to compare with');
  t.end();
});

t.test('when a cut made text easier, then there is no loss to take back', (t) => {
  const record = sampleRecord(t, (values) => {
    set(values, 'dense', 30, 30, 30);
    set(values, 'cut', 20, 20, 20);
    set(values, 'recovered', 10, 10, 10);
  });
  t.notMatch(headlines(record), [{ label: /taken back/ }]);
  t.notOk(headlines(record).some(({ label }) => label.includes('taken back')));
  t.match(headlines(record)[1]?.note, `−66.7${nb}`);
  t.end();
});

t.test('when recovery made it worse, then what it took back is negative', (t) => {
  const record = sampleRecord(t, (values) => {
    set(values, 'dense', 8, 8, 8);
    set(values, 'cut', 16, 16, 16);
    set(values, 'recovered', 32, 32, 32);
  });
  t.equal(
    headlines(record).find(({ label }) => label.includes('taken back'))?.value.shown,
    `−100${nb}`,
  );
  t.end();
});

t.test('when sources were measured, then each has its row and the mean is geometric', (t) => {
  const record = sampleRecord(t, (values) => {
    set(values, 'dense', 8, 16, 32);
    set(values, 'cut', 16, 32, 64);
    set(values, 'recovered', 4, 16, 64);
  });
  const section = outcome(record);
  const [table] = tables(section);
  t.strictSame(table?.head, [
    'source',
    'dense',
    'cut',
    'recovered',
    'last against dense',
    'tokens',
  ]);
  t.strictSame(table?.rows, [
    ['tales', '8.00', '16.0', '4.00', `−50.0${nb}`, '12,240'],
    ['voyages', '16.0', '32.0', '16.0', `+0.0${nb}`, '12,240'],
    ['novels', '32.0', '64.0', '64.0', `+100.0${nb}`, '12,240'],
    ['geometric mean', '16.0', '32.0', '16.0', `+0.0${nb}`, ''],
  ]);
  t.match(texts(section)[0], 'Protocol `windows-256x48`');
  t.strictSame(numbers(blocks(section, 'chart')[0])?.[1], [
    'dense',
    'voyages',
    '3.077',
    '0.025',
    '12,240',
  ]);
  t.end();
});

t.test('when a source is missing from a later row, then its cell is empty, not another’s', (t) => {
  const record = sampleRecord(t, (values) => {
    values['evaluate-cut']!.perplexity.shift();
  });
  const [table] = tables(outcome(record));
  t.strictSame(table?.rows[0]?.slice(0, 4), ['tales', '8.43', '–', '8.69']);
  t.strictSame(table?.rows[1]?.slice(0, 4), ['voyages', '21.7', '34.9', '23.2']);
  t.end();
});

t.test('when only the dense model was measured, then nothing is compared', (t) => {
  const section = outcome(only(sampleRecord(t), 'evaluate-dense'));
  const [table, none] = tables(section);
  t.strictSame(table?.head, ['source', 'dense', 'tokens']);
  t.equal(none, undefined, 'no sizes without a cut');
  const two = outcome(only(sampleRecord(t), 'evaluate-dense', 'evaluate-cut'));
  t.strictSame(tables(two)[0]?.head.slice(1), ['dense', 'cut', 'last against dense', 'tokens']);
  t.end();
});

t.test('when perplexities are drawn, then every bar says its number, in words too', (t) => {
  const record = sampleRecord(t);
  const [chart] = blocks(outcome(record), 'chart');
  const drawn = labels(chart?.wide ?? '');
  for (const label of ['8.43', '11.6', '8.69', '52.1', 'tales', 'geometric mean', 'recovered']) {
    t.ok(drawn.includes(label), label);
  }
  t.equal(
    chart?.summary,
    'dense: tales 8.43, voyages 21.7, novels 33.4, geometric mean 18.28; cut: tales 11.6, voyages 34.9, novels 52.1, geometric mean 27.63; recovered: tales 8.69, voyages 23.2, novels 36.0, geometric mean 19.36',
  );
  t.end();
});

t.test('when perplexities lie far apart, then the axis counts in powers of ten', (t) => {
  const axis = (worst: number): string[] => {
    const record = sampleRecord(t, (values) => {
      for (const model of ['dense', 'cut', 'recovered'] as const) set(values, model, 20, 21, worst);
    });
    return labels(blocks(outcome(record), 'chart')[0]?.wide ?? '');
  };
  t.ok(axis(5000).includes('1,000') && !axis(5000).includes('0'));
  t.ok(axis(100).includes('0'), 'else it starts at zero');
  t.end();
});

t.test('when nothing was measured, then there is no section', (t) => {
  const record = only(sampleRecord(t), 'compress', 'export');
  t.equal(outcome(record), undefined);
  t.strictSame(evaluations(record), []);
  const names = evaluations(sampleRecord(t)).map(({ model }: EvaluationArtefact) => model);
  t.strictSame(names, ['dense', 'cut', 'recovered'], 'in the order of the run');
  t.end();
});
