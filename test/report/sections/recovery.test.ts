import t from 'tap';
import { recovery } from '../../../lib/report/sections/recovery.js';
import { blocks, labels, only, sampleRecord, texts, tables } from '../sample_record.js';

const nb = '\u00a0%';

t.test('when text was recovered on, then each round tells share, degradation and loss', (t) => {
  const record = sampleRecord(t, (values) => {
    const [first, second] = values['recover-pretraining']!.rounds;
    first!.mixture = { tales: 0.1, voyages: 0.25, novels: 0.65 };
    first!.wanted = { tales: 0.3, voyages: 0.1, novels: 0.6 };
    first!.degradation = { tales: 0.0123, novels: -0.5 };
    first!.validation = { tales: 2.3, voyages: 2.6, novels: 2.9 };
    second!.accepted = false;
    values['recover-pretraining']!.rounds = [first!, second!];
  });
  const section = recovery(only(record, 'recover-pretraining'));
  const [table] = tables(section);
  t.strictSame(table?.rows.slice(0, 3), [
    ['1', 'tales', `10${nb} of 30${nb}`, `1.23${nb}`, '2.30', '28', `100${nb}`, ''],
    ['', 'voyages', `25${nb}`, '–', '2.60', '', '', ''],
    ['', 'novels', `65${nb}`, `−50.00${nb}`, '2.90', '', '', ''],
  ]);
  t.strictSame(
    table?.rows.slice(3).map(([round, , , , , , , verdict]) => [round, verdict]),
    [
      ['2', 'worse: not kept'],
      ['', ''],
      ['', ''],
    ],
  );
  t.end();
});

t.test('when a stage ended, then it says after how much, why, and which round was kept', (t) => {
  const said = (bestRound: number, rounds: number): string => {
    const record = sampleRecord(t, (values) => {
      const stage = values['recover-pretraining']!;
      Object.assign(stage, { bestRound, rounds: stage.rounds.slice(0, rounds) });
    });
    return texts(recovery(record))[0] ?? '';
  };
  t.match(
    said(3, 4),
    /^\*\*On pretraining text\*\*: 4 rounds, 318,080 tokens, learning rate 0\.001/,
  );
  t.match(
    said(3, 4),
    /, mixture `degradation`\. Ended because: all rounds done\. Best: round 4\.$/,
  );
  t.match(said(0, 1), /: 1 round, .*Best: round 1\.$/);
  t.match(said(-1, 1), /Best: none: the state before is kept\.$/);
  t.end();
});

t.test('when sources are mixed, then the drawing and its words have every share', (t) => {
  const record = sampleRecord(t, (values) => {
    const stage = values['recover-pretraining']!;
    stage.rounds = stage.rounds.slice(0, 1);
    stage.rounds[0]!.mixture = { tales: 0.05, voyages: 0.35, novels: 0.6 };
  });
  const [chart] = blocks(recovery(record), 'chart');
  t.equal(chart?.summary, `round 1: tales 5${nb}, voyages 35${nb}, novels 60${nb}`);
  const drawn = labels(chart?.wide ?? '');
  for (const label of ['round 1', 'tales', 'voyages', 'novels', `35${nb}`, `60${nb}`]) {
    t.ok(drawn.includes(label), label);
  }
  t.notOk(drawn.includes(`5${nb}`), 'a small share has no room for its number');
  t.end();
});

t.test('when there is one source, then there is no mixture to draw', (t) => {
  const section = recovery(only(sampleRecord(t), 'recover-instruct'));
  t.equal(blocks(section, 'chart').length, 1, 'how it came back is drawn');
  t.match(blocks(section, 'chart')[0]?.summary, `instructions 4.0${nb} → 2.0${nb}`);
  t.match(texts(section)[0], /^\*\*On instructions\*\*: 2 rounds/);
  t.equal(tables(section)[0]?.rows.length, 2);
  t.end();
});

t.test('when both stages ran, then text comes before instructions; none, no section', (t) => {
  const record = sampleRecord(t);
  t.match(texts(recovery(record)), [/^\*\*On pretraining/, /^\*\*On instructions/]);
  t.equal(recovery(only(record, 'lhspg')), undefined);
  const unmixed = sampleRecord(t, (values) => {
    values['recover-pretraining']!.rounds = [];
  });
  t.match(texts(recovery(only(unmixed, 'recover-pretraining')))[0], ': 0 rounds,');
  t.end();
});

t.test('when all three models were measured, then what came back is told source by source', (t) => {
  const record = sampleRecord(t, (values) => {
    const set = (stage: 'dense' | 'cut' | 'recovered', ...nll: number[]) => {
      values[`evaluate-${stage}`]!.perplexity.forEach((row, i) => (row.nll = nll[i]!));
    };
    set('dense', 2, 2, 2);
    set('cut', 3, 2.5, 1.75);
    set('recovered', 2.25, 2.75, 1.5);
  });
  const [back] = tables(recovery(record));
  t.strictSame(back?.rows, [
    ['tales', '+1.00', '+0.25', `75${nb}`],
    ['voyages', '+0.5', '+0.75', `−50${nb}`],
    ['novels', '−0.25', '−0.5', '–'],
  ]);
  t.end();
});

t.test('when something went otherwise than usual, then it is told', (t) => {
  const record = sampleRecord(t, (values) => {
    const stage = values['recover-pretraining']!;
    stage.seconds = 75;
    stage.rollbacks = [{ step: 9, backTo: 4, rate: 0.5, reason: 'the loss is no number' }];
    stage.rounds[1]!.wanted = { tales: 1 };
    stage.rounds[3]!.wanted = { tales: 1 };
    values['recover-instruct']!.rounds[0]!.repeats = true;
  });
  const said = texts(recovery(record));
  t.match(said.slice(1, 4), [
    /^\*\*Taken back\*\* from step 9 to step 4, then on at 0\.5 times .*: the loss is no number\.$/,
    /^In rounds 2, 4 a source had less than its share/,
    /^Time was limited: it took 1 min 15 s/,
  ]);
  t.match(said.slice(4), [
    /^\*\*On instructions\*\*(?!.*mixture)/,
    /^In round 1 all sources .* some came again\.$/,
  ]);
  t.equal(texts(recovery(sampleRecord(t))).length, 2, 'usually nothing');
  t.end();
});
