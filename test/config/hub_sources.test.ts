import { join } from 'node:path';
import t from 'tap';
import { jobInputOf } from '../../lib/config/job_input.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { presetOf, presets } from '../../lib/data/presets.js';

const hub = '/cache/hub';
const dataset = (name: string, ...folder: string[]): string =>
  join(hub, `datasets--${name}`, ...folder);

t.test('when a source is a preset, then its dataset, column and cleaning are filled in', (t) => {
  const cwd = t.testdir({ data: {} });
  const job = parseJob(
    {
      model: 'm',
      sources: {
        web: 'openwebtext',
        wiki: 'wikipedia',
        books: 'sedthh/gutenberg_english',
        more: 'bookcorpus',
      },
      instruct: 'alpaca',
    },
    { cwd, hub },
  );
  t.match(job.sources, [
    { name: 'web', path: dataset('Skylion007--openwebtext', 'plain_text'), clean: true },
    { name: 'wiki', path: dataset('wikimedia--wikipedia', '20231101.en'), clean: true },
    { path: dataset('sedthh--gutenberg_english'), textColumn: 'TEXT', clean: true },
    { path: dataset('lucadiliello--bookcorpusopen'), clean: true },
  ]);
  t.notOk('textColumn' in job.sources[0]!);
  t.equal(job.instruct?.path, dataset('tatsu-lab--alpaca'));
  t.same(parseJob(jobInputOf(job), { cwd: '/', hub: '/other' }).sources, job.sources, 'for good');
  t.end();
});

t.test('when a source says column or cleaning itself, then that counts', (t) => {
  const cwd = t.testdir({});
  const source = { name: 'b', path: 'gutenberg', text_column: 'body', clean: false };
  const { sources } = parseJob({ model: 'm', sources: [source] }, { cwd, hub });
  t.match(sources, [{ textColumn: 'body', clean: false }]);
  const given = { cwd, hub, overrides: ['sources.b=org/name/en'] };
  const { sources: named } = parseJob({ model: 'm' }, given);
  t.strictSame(named[0]?.path, dataset('org--name', 'en'), 'also from the command line');
  t.equal(named[0]?.clean, false, 'any other is not cleaned');
  t.end();
});

t.test('when a file or folder has the name, then it is that', (t) => {
  const cwd = t.testdir({ data: {}, wikipedia: {} });
  const sources = { a: 'wikipedia', b: 'data/web', c: './gone/x.txt', d: '../x/y', e: 'z.txt' };
  const job = parseJob({ model: 'm', sources }, { cwd, hub });
  t.strictSame(
    job.sources.map(({ path }) => path),
    ['wikipedia', 'data/web', 'gone/x.txt', '../x/y', 'z.txt'].map((path) => join(cwd, path)),
  );
  t.end();
});

t.test('when a job names no source, then it has those of the paper that are in the cache', (t) => {
  const cached = (folder: string) => ({
    refs: { main: 'abc\n' },
    snapshots: { abc: { [folder]: { 'train-0.parquet': '' } } },
  });
  const dir = t.testdir({
    'datasets--sedthh--gutenberg_english': cached('data'),
    'datasets--wikimedia--wikipedia': cached('20231101.en'),
    'datasets--Skylion007--openwebtext': cached('another'),
    'datasets--lucadiliello--bookcorpusopen': { refs: { main: 'gone' } },
  });
  const job = parseJob({ model: 'm' }, { cwd: t.testdirName, hub: dir });
  const usual = { clean: true, maxTokens: 10_000_000 };
  t.strictSame(job.sources, [
    { ...usual, name: 'wikipedia', path: join(dir, 'datasets--wikimedia--wikipedia/20231101.en') },
    {
      ...{ ...usual, name: 'gutenberg', textColumn: 'TEXT' },
      path: join(dir, 'datasets--sedthh--gutenberg_english'),
    },
  ]);
  const again = parseJob(jobInputOf(job), { cwd: '/', hub: '/other' });
  t.strictSame(again.sources, job.sources, 'for good: the manifest has them');
  const one = parseJob({ model: 'm', sources: { web: 'x.txt' } }, { cwd: '/', hub: dir });
  t.strictSame(one.sources, [{ name: 'web', path: '/x.txt', clean: false }], 'all or none');
  t.end();
});

t.test('when a preset is listed, then it is found by its name and its dataset', (t) => {
  for (const [name, preset] of Object.entries(presets)) {
    t.match(preset.id, /^[\w.-]+\/[\w.-]+$/);
    t.equal(presetOf(name), preset);
    t.equal(presetOf(preset.id), preset);
  }
  t.equal(presetOf('constructor'), undefined);
  t.end();
});
