import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { missingStages, readRun } from '../../lib/report/run_record.js';
import { readManifest } from '../../lib/run_folder/manifest.js';
import { sampleArtefacts, writeSampleRun } from '../fixtures/run_artefacts.js';

t.test('when a run is read, then its record is what its files say', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const record = readRun(dir);
  t.equal(record.folder, dir);
  t.same(record.manifest, readManifest(dir));
  t.strictSame(record.values, JSON.parse(JSON.stringify(sampleArtefacts(dir))));
  const file = JSON.parse(readFileSync(join(dir, 'lhspg.json'), 'utf8')) as { seconds: number };
  t.equal(record.seconds.lhspg, file.seconds);
  t.strictSame(Object.keys(record.seconds), Object.keys(record.values));
  t.strictSame(missingStages(record), []);
  t.end();
});

t.test('when a run was stopped, then the later stages are missing, and only they', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir, 'compress');
  const record = readRun(dir);
  t.strictSame(Object.keys(record.values), [
    'load',
    'trace',
    'partition',
    'knowledge',
    'budget',
    'lhspg',
    'compress',
  ]);
  t.strictSame(missingStages(record), [
    'evaluate-dense',
    'evaluate-cut',
    'recover-pretraining',
    'recover-instruct',
    'export',
    'evaluate-recovered',
  ]);
  t.end();
});

t.test('when the job has no instructions, then their stage is not missed', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir, 'lhspg');
  const record = readRun(dir);
  const job = { ...record.manifest.job, instruct: null };
  const without = missingStages({ ...record, manifest: { ...record.manifest, job } });
  t.notOk(without.includes('recover-instruct'));
  t.ok(without.includes('recover-pretraining'));
  t.end();
});

t.test('when what every session repeats is not there, then nothing is missed', (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  for (const stage of ['trace', 'partition']) rmSync(join(dir, `${stage}.json`));
  t.strictSame(missingStages(readRun(dir)), []);
  t.end();
});

t.test('when any artefact is damaged, then RUN_CORRUPT names it', (t) => {
  for (const stage of Object.keys(sampleArtefacts(''))) {
    const dir = t.testdir({});
    writeSampleRun(dir);
    writeFileSync(join(dir, `${stage}.json`), '{"stage":');
    t.throws(() => readRun(dir), { code: 'RUN_CORRUPT', message: new RegExp(`${stage}\\.json`) });
  }
  const dir = t.testdir({});
  t.throws(() => readRun(dir), { code: 'RUN_CORRUPT', message: /holds no run/ });
  t.end();
});
