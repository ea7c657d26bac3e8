import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { report } from '../../lib/report/report.js';
import { sampleArtefacts, writeSampleRun } from '../fixtures/run_artefacts.js';

t.test('when a run has ended, then the report has every part of it', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const { markdown, html } = report(dir);
  for (const text of [markdown, html]) {
    for (const part of [
      'What came out',
      'Tasks',
      'A sample of text',
      'Size, memory and speed',
      'What was cut, and what bound',
      'By which scores',
      'How LHSPG went',
      'Where the knowledge sits',
      'Training',
      'Recovery',
      'Checks',
      'Use the model',
      'Repeat this run',
      'lorashear-native run job.yaml --ratio 0.2',
      'AutoModelForCausalLM.from_pretrained(',
      'all rounds done',
    ]) {
      t.match(text, part);
    }
    t.notMatch(text, 'has not ended');
    t.notMatch(text, /undefined|NaN|\[object/);
  }
});

t.test('when the report is read, then its numbers are those of the artefacts', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const { markdown } = report(dir);
  t.match(markdown, '| tales | 8.43 | 11.6 | 8.69 | +3.1\u00a0% | 12,240 |');
  t.match(markdown, '| parameters | 260,032 | 207,792 | −20.1\u00a0% |');
  t.match(markdown, '| arc_easy | acc | 28.1\u00a0% | ±\u00a00.9\u00a0% |');
  t.match(markdown, '| 1 | `layers.0.self_attn.heads` ● | 4 | 1.16 |');
  const { 'evaluate-recovered': recovered } = sampleArtefacts(dir);
  t.match(markdown, `Perplexity, recovered: **${recovered.geometricMean.toFixed(2)}**`);
  t.match(markdown, '| 3 | tales |');
  t.match(markdown, 'worse: not kept');
  t.match(markdown, 'from_pretrained("model")', 'the path starts at the run folder');
});

t.test('when the page is opened, then it needs no other file and no script', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const { html } = report(dir);
  t.notMatch(html, /<script|<link|<img|url\((?!#)|src=|https?:\/\/(?!www\.w3\.org)/);
  const drawings = html.match(/<svg /g)?.length ?? 0;
  t.equal(drawings, 2 * (html.match(/<figure /g)?.length ?? 0), 'one for a desk, one for a phone');
  t.equal(drawings, 24);
  t.equal(html.match(/role="img" aria-label="[^"]+"/g)?.length, drawings, 'each is told in words');
  t.match(html, 'currentColor');
  t.notMatch(html, /#010203|rgb\(1,2,3\)/);
  const ids = Array.from(html.matchAll(/<section id="([a-z]+)"/g), ([, id]) => id);
  for (const id of ids) t.match(html, `href="#${id}"`);
  t.equal(new Set(ids).size, 15);
  const all = Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id);
  t.equal(new Set(all).size, all.length, 'no two parts share an id');
});

t.test('when text holds markup, then it stays text', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const { html, markdown } = report(dir);
  t.match(html, '&lt;in the park&gt;');
  t.notMatch(html, '<in the park>');
  t.match(markdown, '<in the park>', 'in a fenced block');
});

t.test(
  'when a run was stopped at any stage, then the report has what there is and says so',
  async (t) => {
    const all = Object.keys(sampleArtefacts('')) as (keyof ReturnType<typeof sampleArtefacts>)[];
    for (const stage of all.slice(0, -1)) {
      const dir = t.testdir({});
      writeSampleRun(dir, stage);
      const { markdown, html } = report(dir);
      t.match(markdown, `--resume ${dir}`, stage);
      t.match(markdown, 'evaluate-recovered');
      t.notMatch(html, /undefined|NaN|\[object/, stage);
    }
  },
);

t.test('when only the manifest is there, then the report can be made', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir, 'trace');
  const { markdown } = report(dir);
  t.match(markdown, 'This run has not ended');
  t.match(markdown, 'Repeat this run');
});

t.test('when an artefact is damaged or there is no run, then RUN_CORRUPT', async (t) => {
  const dir = t.testdir({ none: {} });
  t.throws(() => report(join(dir, 'none')), { code: 'RUN_CORRUPT' });
  t.throws(() => report(join(dir, 'nowhere')), { code: 'RUN_CORRUPT' });
  writeSampleRun(dir);
  writeFileSync(join(dir, 'lhspg.json'), '{');
  t.throws(() => report(dir), { code: 'RUN_CORRUPT', message: /lhspg\.json/ });
});
