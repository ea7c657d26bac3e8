import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { resultsIn, resultsPage } from '../../../bench/page/page.js';
import { exampleResult } from '../example_result.js';

const suites = [
  { name: 'forward', what: 'logits <of> a model' },
  { name: 'boundary', what: 'one call' },
];

t.test('when a page is made, then every suite has its charts, numbers and machine', (t) => {
  const results = [
    exampleResult(),
    exampleResult({
      ...{ suite: 'forward', case: 'a & b', threads: 2, roofline: null },
      compute: { flops: 1e9, rate: 4e11, share: 0.62 },
      targets: [{ text: '≤ 0.4 × torch', value: 0.5, met: false }],
    }),
    exampleResult({ suite: 'new', peers: {}, roofline: null, targets: [] }),
  ];
  const html = resultsPage(results, suites);
  const ids = [...html.matchAll(/<section id="([^"]*)"/g)].map(([, id]) => id);
  t.same(
    ids,
    ['suite-forward', 'suite-boundary', 'suite-new', 'machine'],
    'in the order of the suites',
  );
  t.match(
    html,
    'Logits &lt;of&gt; a model. <strong>1 of 1 figures beside a peer miss their target.',
  );
  t.match(html, /<dt>targets met<\/dt><dd class="value">1<\/dd><dd class="note">of 2 that/);
  t.match(html, 'a &amp; b');
  for (const shown of ['2.00 ×', '<strong>missed</strong>', 'a processor, 2 cores']) {
    t.ok(html.includes(shown), shown);
  }
  t.match(html, /62\s%/);
  t.match(html, /125\s%/);
  t.equal([...html.matchAll(/<svg class="wide"/g)].length, 4, 'two charts each for two suites');
  t.equal([...html.matchAll(/<svg class="narrow"/g)].length, 4);
  t.equal(
    [...html.matchAll(/<summary>Every figure/g)].length,
    2,
    'a table in sight where there is no chart',
  );
  t.match(html, 'viewport');
  t.match(html, 'prefers-color-scheme: dark');
  t.notMatch(html, /<script|<link|src="|url\(/, 'needs nothing else');
  t.match(html, 'Made by <code>lorashear-native bench --page</code>');
  t.end();
});

t.test('when a peer computed something else, then the page says so above all', (t) => {
  const html = resultsPage([exampleResult({ agrees: false })], suites);
  t.match(html, /class="notice">Ours and a peer computed different results: boundary, add\./);
  t.end();
});

t.test('when results are gathered, then from all files of a folder but tables of quality', (t) => {
  const dir = t.testdir({ 'quality-x.jsonl': '{}', 'recovery-x.jsonl': '{}', 'notes.txt': '' });
  t.throws(() => resultsIn(dir), { code: 'DATA_NOT_FOUND', hint: /bench/ });
  t.throws(() => resultsIn(join(dir, 'none')), { code: 'DATA_NOT_FOUND' });
  for (const name of ['b', 'a']) {
    writeFileSync(join(dir, `${name}.jsonl`), JSON.stringify(exampleResult({ case: name })));
  }
  t.same(
    resultsIn(dir).map((result) => result.case),
    ['a', 'b'],
  );
  t.same(resultsIn(dir, join(dir, 'a.jsonl')).length, 1);
  t.end();
});
