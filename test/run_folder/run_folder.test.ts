import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { RunEvent } from '../../lib/events.js';
import { readManifest } from '../../lib/run_folder/manifest.js';
import { openRunFolder } from '../../lib/run_folder/run_folder.js';
import { runOf, smallInputs, smallJob } from '../fixtures/small_job.js';

const must = () => {
  throw new Error('this stage was to be read');
};

t.test('when a run starts, then the manifest says from what, with what and where', async (t) => {
  const dir = t.testdir(smallInputs);
  const runtime = { libtorch: '2.11.0', capability: 'AVX2', threads: 2 };
  const folder = await openRunFolder(runOf(dir), smallJob(dir), { command: 'run x', runtime });
  folder.close();
  const { files, start, job, resumes } = readManifest(runOf(dir));
  t.same(job, smallJob(dir));
  t.same(resumes, []);
  t.match(start, {
    command: 'run x',
    versions: { package: String, node: process.versions.node, libtorch: '2.11.0' },
    machine: { cpu: String, cores: Number, threads: 2, capability: 'AVX2' },
  });
  t.same(
    files.map(({ path, role }) => [path.slice(dir.length + 1), role]),
    [
      ['alpaca.json', 'instructions'],
      ['data/train.jsonl', 'data'],
      ['data/validation.jsonl', 'data'],
      ['model/config.json', 'model'],
      ['model/model.safetensors', 'model'],
      ['model/tokenizer.json', 'model'],
    ],
  );
  const sha256 = createHash('sha256').update('weights').digest('hex');
  t.match(files[4], { bytes: 7, sha256 });
  t.same(readdirSync(runOf(dir)), ['manifest.json'], 'no lock and nothing beside it is left');
});

t.test('when a stage ended before, then a resumed run reads it and says so', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  const first = await openRunFolder(runOf(dir), job);
  t.same(await first.stage('load', { a: 1 }, () => ({ found: [1, 2] })), { found: [1, 2] });
  t.same(await first.stage('knowledge', {}, async () => 3), 3);
  first.close();

  const events: RunEvent[] = [];
  const emit = (event: RunEvent) => events.push(event);
  const again = await openRunFolder(runOf(dir), job, { resume: true, command: 'again', emit });
  t.ok(again.stands('load', { a: 1 }));
  t.notOk(again.stands('load', { a: 2 }));
  t.same(await again.stage('load', { a: 1 }, must), { found: [1, 2] });
  t.same(await again.stage('knowledge', {}, must), 3);
  t.equal(await again.stage('lhspg', {}, () => 'new'), 'new');
  again.close();
  t.match(events, [
    { type: 'stage-start', stage: 'load', reused: true },
    { type: 'stage-end', stage: 'load' },
    { type: 'stage-start', stage: 'knowledge', reused: true },
    { type: 'stage-end', stage: 'knowledge' },
    { type: 'stage-start', stage: 'lhspg', reused: false },
    { type: 'stage-end', stage: 'lhspg', seconds: Number },
  ]);
  t.match(readManifest(runOf(dir)).resumes, [{ command: 'again' }]);
});

t.test('when inputs of a stage change, then it and all after it are computed again', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  const first = await openRunFolder(runOf(dir), job);
  await first.stage('load', 1, () => 'load');
  await first.stage('knowledge', 1, () => 'old');
  await first.stage('lhspg', 1, () => 'old');
  first.close();
  const again = await openRunFolder(runOf(dir), job, { resume: true });
  t.equal(await again.stage('load', 1, must), 'load');
  t.equal(await again.stage('knowledge', 2, () => 'new'), 'new');
  t.equal(await again.stage('lhspg', 1, () => 'new'), 'new');
  again.close();
});

t.test('when a stage fails, then it leaves no artefact', async (t) => {
  const dir = t.testdir(smallInputs);
  const folder = await openRunFolder(runOf(dir), smallJob(dir));
  await t.rejects(
    folder.stage('load', {}, () => {
      throw new Error('no');
    }),
    { message: 'no' },
  );
  await t.rejects(
    folder.stage('trace', {}, () => NaN),
    TypeError,
    'JSON cannot hold it',
  );
  folder.close();
  t.same(readdirSync(runOf(dir)), ['manifest.json']);
});

t.test('when a stage times its work, then that stands beside its value', async (t) => {
  const dir = t.testdir(smallInputs);
  const folder = await openRunFolder(runOf(dir), smallJob(dir));
  await folder.stage('load', {}, (timings) => {
    timings['read'] = { tokens: 7, seconds: 0.5 };
    return 1;
  });
  folder.close();
  const written: unknown = JSON.parse(readFileSync(join(runOf(dir), 'load.json'), 'utf8'));
  t.match(written, { value: 1, timings: { read: { tokens: 7, seconds: 0.5 } } });
});

t.test('when an artefact is damaged, then RUN_CORRUPT names it', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  (await openRunFolder(runOf(dir), job)).close();
  for (const damage of ['{"stage":"lo', '{}', '', '{"stage":"trace","inputHash":"x","value":1}']) {
    writeFileSync(join(runOf(dir), 'load.json'), damage);
    const folder = await openRunFolder(runOf(dir), job, { resume: true });
    await t.rejects(folder.stage('load', {}, must), { code: 'RUN_CORRUPT', message: /load\.json/ });
    folder.close();
  }
});

t.test(
  'when the folder holds a run of the same job, then it is left alone and --resume is named',
  async (t) => {
    const dir = t.testdir(smallInputs);
    const job = smallJob(dir);
    (await openRunFolder(runOf(dir), job)).close();
    const before = readFileSync(join(runOf(dir), 'manifest.json'), 'utf8');
    await t.rejects(openRunFolder(runOf(dir), job), { code: 'OUTPUT_OCCUPIED', hint: /--resume/ });
    writeFileSync(join(runOf(dir), 'report.json'), '{}');
    await t.rejects(openRunFolder(runOf(dir), job), { code: 'OUTPUT_OCCUPIED', hint: /finished/ });
    t.equal(readFileSync(join(runOf(dir), 'manifest.json'), 'utf8'), before);
  },
);

t.test(
  'when the folder holds a run of another job, then the error says what differs',
  async (t) => {
    const dir = t.testdir(smallInputs);
    (await openRunFolder(runOf(dir), smallJob(dir))).close();
    const other = smallJob(dir, { ratio: 0.5, lhspg: { periods: 3 } });
    for (const resume of [false, true]) {
      await t.rejects(openRunFolder(runOf(dir), other, { resume }), {
        code: 'OUTPUT_OCCUPIED',
        message: /ratio is 0\.2 there, 0\.5 here; lhspg\.periods is 5 there, 3 here/,
      });
    }
  },
);

t.test('when the folder is foreign or a file, then it is refused and untouched', async (t) => {
  const dir = t.testdir({ ...smallInputs, run: { 'thesis.txt': 'years of work' }, file: '' });
  await t.rejects(openRunFolder(runOf(dir), smallJob(dir)), {
    code: 'OUTPUT_OCCUPIED',
    message: /thesis\.txt/,
  });
  t.same(readdirSync(runOf(dir)), ['thesis.txt']);
  await t.rejects(openRunFolder(join(dir, 'file'), smallJob(dir)), { code: 'OUTPUT_FAILED' });
  await t.rejects(openRunFolder(join(dir, 'file', 'x'), smallJob(dir)), { code: 'OUTPUT_FAILED' });
});

t.test('when a start was killed before there was a run, then the folder may be used', async (t) => {
  const dir = t.testdir({
    ...smallInputs,
    run: { '.manifest.json.1.partial': '{', '.lock.x': '' },
  });
  const folder = await openRunFolder(runOf(dir), smallJob(dir));
  folder.close();
  t.ok(existsSync(join(runOf(dir), 'manifest.json')));
});

t.test('when model or data are not there, then nothing is written', async (t) => {
  const dir = t.testdir(smallInputs);
  const cases = [
    [{ model: 'nowhere' }, 'CHECKPOINT_NOT_FOUND'],
    [{ model: 'data' }, 'CHECKPOINT_NOT_FOUND'],
    [{ sources: { web: 'nowhere' } }, 'DATA_NOT_FOUND'],
    [{ instruct: 'nowhere' }, 'DATA_NOT_FOUND'],
    [{ instruct: { path: 'alpaca.json', validation: 'nowhere' } }, 'DATA_NOT_FOUND'],
  ] as const;
  for (const [change, code] of cases) {
    await t.rejects(openRunFolder(runOf(dir), smallJob(dir, change)), { code });
  }
  t.notOk(existsSync(runOf(dir)));
});

t.test(
  'when model or data changed since, then a resume is refused and names the files',
  async (t) => {
    const dir = t.testdir(smallInputs);
    const job = smallJob(dir);
    (await openRunFolder(runOf(dir), job)).close();
    appendFileSync(join(dir, 'data', 'train.jsonl'), '{"text":"more"}\n');
    appendFileSync(join(dir, 'model', 'model.safetensors'), '!');
    await t.rejects(openRunFolder(runOf(dir), job, { resume: true }), {
      code: 'OUTPUT_OCCUPIED',
      facts: { changed: [join(dir, 'data/train.jsonl'), join(dir, 'model/model.safetensors')] },
    });
  },
);

t.test('when there is no run to resume, then RUN_CORRUPT', async (t) => {
  const dir = t.testdir({ ...smallInputs, run: { 'manifest.json': '{"format":1}' } });
  const open = openRunFolder(runOf(dir), smallJob(dir), { resume: true });
  await t.rejects(open, { code: 'RUN_CORRUPT', message: /damaged/ });
  rmSync(runOf(dir), { recursive: true });
  const none = openRunFolder(runOf(dir), smallJob(dir), { resume: true });
  await t.rejects(none, { code: 'RUN_CORRUPT', message: /holds no run/ });
  t.notOk(existsSync(runOf(dir)));
});

t.test('when a run is open, then another cannot open its folder until it is closed', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  const folder = await openRunFolder(runOf(dir), job);
  await t.rejects(openRunFolder(runOf(dir), job, { resume: true }), {
    code: 'OUTPUT_OCCUPIED',
    message: `process ${process.pid}`,
  });
  folder.close();
  (await openRunFolder(runOf(dir), job, { resume: true })).close();
});

t.test('when the machine differs at a resume, then a warning says so', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  const runtime = { libtorch: '2.11.0', capability: 'AVX2', threads: 2 };
  (await openRunFolder(runOf(dir), job, { runtime })).close();
  const events: RunEvent[] = [];
  const emit = (event: RunEvent) => events.push(event);
  (await openRunFolder(runOf(dir), job, { resume: true, runtime, emit })).close();
  t.same(events, []);
  const other = { ...runtime, threads: 4 };
  (await openRunFolder(runOf(dir), job, { resume: true, runtime: other, emit })).close();
  t.match(events, [{ type: 'warning', message: /threads 2 → 4/ }]);
});

t.test('when metrics are appended, then half a line of a killed run goes away', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir);
  const first = await openRunFolder(runOf(dir), job);
  first.metric({ type: 'metric', stage: 'lhspg', step: 1, values: { loss: 2 } });
  first.close();
  const path = join(runOf(dir), 'metrics.jsonl');
  appendFileSync(path, '{"stage":"lhs');
  const again = await openRunFolder(runOf(dir), job, { resume: true });
  again.metric({ type: 'metric', stage: 'lhspg', step: 2, values: { loss: 1 } });
  again.close();
  t.equal(
    readFileSync(path, 'utf8'),
    '{"stage":"lhspg","step":1,"loss":2}\n{"stage":"lhspg","step":2,"loss":1}\n',
  );
});

t.test('when a stage needs room for its state, then its folder is there', async (t) => {
  const dir = t.testdir(smallInputs);
  const folder = await openRunFolder(runOf(dir), smallJob(dir));
  t.equal(folder.checkpointDir('lhspg'), join(runOf(dir), 'checkpoints', 'lhspg'));
  t.ok(existsSync(folder.checkpointDir('lhspg')));
  t.equal(folder.file('model'), join(runOf(dir), 'model'));
  folder.close();
});

t.test('when the user stops while files are hashed, then nothing is written', async (t) => {
  const dir = t.testdir(smallInputs);
  const stop = new Error('stopped');
  const checkpoint = () => {
    throw stop;
  };
  await t.rejects(openRunFolder(runOf(dir), smallJob(dir), { checkpoint }));
  t.notOk(existsSync(runOf(dir)));
});

t.test(
  'when the disk refuses, then OUTPUT_FAILED',
  { skip: process.getuid?.() === 0 && 'root may write anywhere' },
  async (t) => {
    const dir = t.testdir(smallInputs);
    mkdirSync(join(dir, 'closed'));
    chmodSync(join(dir, 'closed'), 0o500);
    await t.rejects(openRunFolder(join(dir, 'closed', 'run'), smallJob(dir)), {
      code: 'OUTPUT_FAILED',
    });
  },
);
