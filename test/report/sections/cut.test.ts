import t from 'tap';
import type { LhspgArtefact } from '../../../lib/artefacts.js';
import { cut } from '../../../lib/report/sections/cut.js';
import { blocks, labels, only, sampleRecord, texts } from '../sample_record.js';

const nothing = { walk: [], equality: null, parameters: 100 };

const nb = '\u00a0%';

const periods: LhspgArtefact['periods'] = [
  {
    ...{ index: 0, steps: 18, zeroUnits: 1, lossBefore: 2.125, lossAfter: 2.25 },
    ...nothing,
    chosen: [{ group: 'a', units: [3], scores: [0.125] }],
  },
  {
    ...{ index: 1, steps: 0, zeroUnits: 4, lossBefore: null, lossAfter: null },
    ...nothing,
    chosen: [
      { group: 'a', units: [1, 0], scores: [0.5, 0.0625] },
      { group: 'b', units: [2], scores: [8] },
    ],
  },
];

const kept: LhspgArtefact['kept'] = [
  { group: 'a', kept: [2], removed: [0, 1, 3] },
  { group: 'b', kept: [0, 1, 3], removed: [2] },
  { group: 'c', kept: [0, 1], removed: [] },
];

function record(t: Parameters<typeof sampleRecord>[0], change: Partial<LhspgArtefact> = {}) {
  return sampleRecord(t, (values) => {
    Object.assign(values.lhspg!, { periods, kept, ...change });
    const [first, second] = values.knowledge!.groups;
    Object.assign(first!, { id: 'b', deviation: 1.375, protected: true });
    Object.assign(second!, { id: 'a', deviation: 0.25, protected: false });
  });
}

t.test('when units went, then each group tells how many, with the scores that they had', (t) => {
  const [groups] = blocks(cut(record(t)), 'table');
  t.strictSame(groups?.rows, [
    ['`a`', '3', '4', '0.0625 … 0.5', '0.25'],
    ['`b` ●', '1', '4', '8.00', '1.38'],
    ['`c`', '0', '2', '–', '–'],
  ]);
  t.end();
});

t.test('when the scores of what stayed are known, then they stand beside the others', (t) => {
  const [a, b, c] = kept;
  const scored = [
    { ...a!, scores: [0.0625, 0.5, 0.75, 0.125] },
    { ...b!, scores: [9, 16, 8, 10] },
    c!,
  ];
  const [groups] = blocks(cut(record(t, { kept: scored })), 'table');
  t.equal(groups?.head[4], 'scores of the kept');
  t.strictSame(
    groups?.rows.map((row) => row.slice(3, 5)),
    [
      ['0.0625 … 0.5', '0.75'],
      ['8.00', '9.00 … 16.0'],
      ['–', '–'],
    ],
  );
  t.end();
});

t.test('when periods passed, then each tells what it chose and what it cost', (t) => {
  const [, table] = blocks(cut(record(t)), 'table');
  t.strictSame(table?.rows, [
    ['1', '18', '1', '1', '2.125', '2.25'],
    ['2', '0', '3', '4', '–', '–'],
  ]);
  t.end();
});

t.test('when a budget was met, then target and outcome are told', (t) => {
  const [first] = texts(cut(record(t)));
  t.match(first, `Target: 20.0${nb} of all parameters; removed: 20.09${nb}, 195 units`);
  t.match(first, '1 kv heads and 38 MLP channels from each layer');
  t.match(first, 'the least `fluctuation` went, over 2 periods');
  t.end();
});

t.test('when shares are drawn, then every group has a bar, in words too', (t) => {
  const [chart] = blocks(cut(record(t)), 'chart');
  t.equal(chart?.summary, 'a: 3 of 4, b: 1 of 4, c: 0 of 2');
  const drawn = labels(chart?.svg ?? '');
  for (const label of ['a', '● b', 'c', 'removed', 'kept']) t.ok(drawn.includes(label), label);
  const widths = (colour: string) =>
    Array.from(
      chart?.svg.matchAll(
        new RegExp(`<path d="M[\\d. ]+l([\\d.]+) 0l[^"]*" fill="#${colour}"`, 'g'),
      ) ?? [],
      ([, width]) => Math.round(Number(width)),
    );
  const [removed, stayed] = [widths('d9822b'), widths('4b8fc9')];
  const whole = stayed[2]!;
  t.strictSame(
    removed,
    [0.75, 0.25, 0].map((share) => Math.round(share * whole)),
  );
  t.strictSame(
    stayed,
    [0.25, 0.75, 1].map((share) => Math.round(share * whole)),
  );
  t.end();
});

t.test('when knowledge was not analysed, then no growth is told and nothing is marked', (t) => {
  const section = cut(only(record(t), 'lhspg'));
  const [groups] = blocks(section, 'table');
  t.strictSame(
    groups?.rows.map(([id, , , , growth]) => [id, growth]),
    [
      ['`a`', '–'],
      ['`b`', '–'],
      ['`c`', '–'],
    ],
  );
  t.end();
});

t.test('when nothing was pruned, then there is no section', (t) => {
  t.equal(cut(only(record(t), 'knowledge')), undefined);
  t.end();
});
