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
  });
  t.match(text, /tales +8\.43 +11\.6 +8\.69 +\+3\.1/);
  t.match(text, /geometric mean +18\.28 +27\.63 +19\.36/);
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
