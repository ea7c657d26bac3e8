import t from 'tap';
import { columns, summaryText } from '../../lib/cli/summary.js';
import { sampleArtefacts } from '../fixtures/run_artefacts.js';

t.test('when a run has ended, then the table says what it cost and what came back', async (t) => {
  const values = sampleArtefacts('/run');
  const text = summaryText({
    output: '/run',
    model: '/run/model',
    report: '/run/report.html',
    cut: values.compress,
    dense: values['evaluate-dense'],
    pruned: values['evaluate-cut'],
    recovered: values['evaluate-recovered'],
    recovery: [
      values['recover-pretraining'],
      {
        ...values['recover-instruct'],
        ...{ bestRound: -1, stopReason: 'validation worsened' },
        rollbacks: [{ step: 9, backTo: 4, rate: 0.5, reason: 'x' }],
      },
    ],
  });
  t.match(text, /tales +8\.43 +11\.6 +8\.69 +\+3\.1.% +90.%/);
  t.match(text, /geometric mean +18\.28 +27\.63 +19\.36/);
  t.match(text, /gptq:wikitext2 +25\.29 +34\.8 +26\.07 +\+3\.1.% +90.%/);
  t.match(text, /lm-eval-wikitext:wikitext2 +75\.87 +104\.4 +78\.21 /);
  const of = (on: string, end: string) => `recovery    on ${on} rounds, ${end}`;
  t.match(text, of('text: 318,080 tokens in 4', 'all rounds done, kept round 4\n'));
  const back = 'validation worsened, kept the state before it, taken back from step 9 to 4\n';
  t.match(text, of('instructions: 50,000 tokens in 2', back));
  t.match(text, '260,032 → 207,792 (20.1');
  t.match(text, '/run/report.html');
});

t.test('when cells have different widths, then columns are straight', async (t) => {
  t.same(
    columns([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    ['a     bb', 'ccc    d'],
  );
});
