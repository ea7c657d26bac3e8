import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { report } from '../../lib/report/report.js';
import { reportPaths, writePages, writeReport } from '../../lib/report/write_report.js';
import { writeSampleRun } from '../fixtures/run_artefacts.js';

t.test('when the report is written, then its files lie in the folder, and no others', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const before = readdirSync(dir);
  const paths = writeReport(dir);
  t.strictSame(paths, reportPaths(dir));
  const added = readdirSync(dir).filter((name) => !before.includes(name));
  t.strictSame(added.sort(), ['report.html', 'report.json', 'report.md']);
  const { markdown, html, data } = report(dir);
  t.equal(readFileSync(paths.markdown, 'utf8'), markdown);
  t.ok(readFileSync(paths.html, 'utf8') === html, 'the page is that of the report, byte for byte');
  const json = JSON.parse(readFileSync(paths.json, 'utf8')) as Record<string, unknown>;
  t.match(json, { stage: 'report', inputHash: '' }, 'an artefact that no run takes for its own');
  t.strictSame(json['value'], JSON.parse(JSON.stringify(data)));
  t.end();
});

t.test('when a run went on, then the report is replaced by what is known now', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir, 'compress');
  const { markdown } = writeReport(dir);
  t.match(readFileSync(markdown, 'utf8'), 'This run has not ended');
  writeSampleRun(dir);
  writeReport(dir);
  t.notMatch(readFileSync(markdown, 'utf8'), 'This run has not ended');
  t.end();
});

t.test('when a run is damaged or none, then RUN_CORRUPT and nothing is written', (t) => {
  const dir = t.testdir({ none: {} });
  t.throws(() => writeReport(join(dir, 'none')), { code: 'RUN_CORRUPT' });
  t.strictSame(readdirSync(join(dir, 'none')), []);
  t.throws(() => writeReport(join(dir, 'nowhere')), { code: 'RUN_CORRUPT' });
  t.notOk(existsSync(join(dir, 'nowhere')));
  writeSampleRun(dir);
  writeFileSync(join(dir, 'knowledge.json'), '[]');
  t.throws(() => writeReport(dir), { code: 'RUN_CORRUPT', message: /knowledge\.json/ });
  t.notOk(existsSync(join(dir, 'report.html')));
  t.end();
});

t.test('when a run left its report, then one made again stands for the same run', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const value = writePages(dir);
  t.notOk(existsSync(join(dir, 'report.json')), 'the run writes that one');
  const own = { stage: 'report', inputHash: 'abc', seconds: 1, value };
  writeFileSync(join(dir, 'report.json'), JSON.stringify(own));
  const { json } = writeReport(dir);
  t.match(JSON.parse(readFileSync(json, 'utf8')), { inputHash: 'abc', value: { format: 1 } });
  t.end();
});

t.test('when a file cannot be put in its place, then OUTPUT_FAILED and no part is left', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  mkdirSync(join(dir, 'report.html'));
  const before = readdirSync(dir);
  t.throws(() => writeReport(dir), { code: 'OUTPUT_FAILED', message: /report\.html/ });
  t.strictSame(readdirSync(dir), before);
  t.end();
});
