import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { report } from '../../lib/report/report.js';
import { writeReport } from '../../lib/report/write_report.js';
import { writeSampleRun } from '../fixtures/run_artefacts.js';

t.test('when the report is written, then both files lie in the folder, and no others', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const before = readdirSync(dir);
  const paths = writeReport(dir);
  t.strictSame(paths, { markdown: join(dir, 'report.md'), html: join(dir, 'report.html') });
  const added = readdirSync(dir).filter((name) => !before.includes(name));
  t.strictSame(added.sort(), ['report.html', 'report.md']);
  const { markdown, html } = report(dir);
  t.equal(readFileSync(paths.markdown, 'utf8'), markdown);
  // Drawings number their parts as they are made.
  const plain = (page: string) => page.replace(/zr[\w-]+/g, 'zr');
  t.ok(plain(readFileSync(paths.html, 'utf8')) === plain(html), 'the page is that of the report');
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

t.test('when a file cannot be put in its place, then OUTPUT_FAILED and no part is left', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  mkdirSync(join(dir, 'report.html'));
  const before = readdirSync(dir);
  t.throws(() => writeReport(dir), { code: 'OUTPUT_FAILED', message: /report\.html/ });
  t.strictSame(readdirSync(dir), before);
  t.end();
});
