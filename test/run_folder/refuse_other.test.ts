import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Job } from '../../lib/config/job.js';
import { type Manifest, currentSession, manifestName } from '../../lib/run_folder/manifest.js';
import { refuseOther } from '../../lib/run_folder/refuse_other.js';
import { runOf, smallJob } from '../fixtures/small_job.js';

const manifestOf = (job: Job): Manifest => ({
  ...{ format: 1, job, files: [], resumes: [] },
  start: currentSession('run', null),
});

/** A folder with the run of `job` in it. */
function occupy(dir: string, job: Job, ...more: string[]): string {
  mkdirSync(runOf(dir), { recursive: true });
  writeFileSync(join(runOf(dir), manifestName), JSON.stringify(manifestOf(job)));
  for (const name of more) writeFileSync(join(runOf(dir), name), '{}');
  return runOf(dir);
}

t.test(
  'when the folder is new, empty, or what a killed start left, then it may be used',
  async (t) => {
    const dir = t.testdir({
      empty: {},
      killed: { '.lock': '', '.lock.7': '', '.manifest.json.9.partial': '{' },
    });
    const job = smallJob(dir);
    for (const name of ['new', 'a/b/c', 'empty', 'killed']) {
      t.doesNotThrow(() => refuseOther(join(dir, name), job, undefined), name);
    }
    t.same(readdirSync(join(dir, 'killed')).length, 3, 'and nothing is removed');
  },
);

t.test('when it holds anything else, then it is named and the folder refused', async (t) => {
  const dir = t.testdir({});
  const job = smallJob(dir);
  const holding = (...names: string[]) => {
    const folder = join(dir, names.join('+'));
    mkdirSync(folder);
    for (const name of names) writeFileSync(join(folder, name), '');
    return () => refuseOther(folder, job, undefined);
  };
  t.throws(holding('thesis.txt'), {
    code: 'OUTPUT_OCCUPIED',
    message: /thesis\.txt$/,
    hint: /--output/,
  });
  t.throws(holding('.hidden'), { code: 'OUTPUT_OCCUPIED', message: /\.hidden$/ });
  t.throws(holding('.x.partial.txt'), { code: 'OUTPUT_OCCUPIED' });
  t.throws(holding('a', 'b', 'c', 'd', 'e'), { message: /a, b, c and 2 more$/ });
});

t.test('when the path is a file, then OUTPUT_FAILED', async (t) => {
  const dir = t.testdir({ file: '' });
  t.throws(() => refuseOther(join(dir, 'file'), smallJob(dir), undefined), {
    code: 'OUTPUT_FAILED',
  });
});

t.test(
  'when it holds the run of this job, then the hint says how to go on, or that it ended',
  async (t) => {
    const dir = t.testdir({});
    const job = smallJob(dir);
    const folder = occupy(dir, job);
    t.throws(() => refuseOther(folder, job, undefined), {
      code: 'OUTPUT_OCCUPIED',
      message: /already holds a run of this job/,
      hint: new RegExp(`--resume ${folder}`),
    });
    occupy(dir, job, 'report.json');
    t.throws(() => refuseOther(folder, job, undefined), {
      code: 'OUTPUT_OCCUPIED',
      hint: /^it is finished/,
    });
    for (const early of ['{', JSON.stringify({ value: { missing: ['export'] } })]) {
      writeFileSync(join(folder, 'report.json'), early);
      t.throws(() => refuseOther(folder, job, undefined), {
        code: 'OUTPUT_OCCUPIED',
        hint: new RegExp(`--resume ${folder}`),
      });
    }
  },
);

t.test('when it holds the run of another job, then up to five differences are told', async (t) => {
  const dir = t.testdir({});
  const folder = occupy(dir, smallJob(dir));
  const other = smallJob(dir, { ratio: 0.5, threads: 2 });
  t.throws(() => refuseOther(folder, other, undefined), {
    code: 'OUTPUT_OCCUPIED',
    message: /another job: ratio is 0\.2 there, 0\.5 here; threads is not set there, 2 here$/,
    facts: {
      folder,
      differs: [
        { path: 'ratio', a: 0.2, b: 0.5 },
        { path: 'threads', b: 2 },
      ],
    },
  });
  const recovery = { rounds: 9, eta: 0.9, distill: 0.9, tolerance: 9 };
  const far = smallJob(dir, { ratio: 0.5, threads: 2, seed: 9, recovery });
  t.throws(() => refuseOther(folder, far, undefined), { message: /; 2 more$/ });
});

t.test('when a run is resumed, then only the place of its folder may differ', async (t) => {
  const dir = t.testdir({});
  const job = smallJob(dir);
  const before = manifestOf(job);
  const folder = occupy(dir, job, 'report.json');
  t.doesNotThrow(() => refuseOther(folder, job, before), 'also one that ended');
  t.doesNotThrow(() => refuseOther(folder, { ...job, output: '/moved' }, before));
  t.throws(() => refuseOther(folder, smallJob(dir, { seed: 1 }), before), {
    code: 'OUTPUT_OCCUPIED',
    message: /seed is 0 there, 1 here/,
    hint: /^resume it without other settings/,
  });
});

t.test('when its manifest is damaged, then RUN_CORRUPT and not another job', async (t) => {
  const dir = t.testdir({});
  const job = smallJob(dir);
  const folder = occupy(dir, job);
  writeFileSync(join(folder, manifestName), '{');
  t.throws(() => refuseOther(folder, job, undefined), { code: 'RUN_CORRUPT' });
});
