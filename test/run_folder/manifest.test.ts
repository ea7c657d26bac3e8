import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  type Manifest,
  currentSession,
  manifestName,
  packageVersion,
  readManifest,
} from '../../lib/run_folder/manifest.js';
import { smallJob } from '../fixtures/small_job.js';

const whole = (dir: string): Manifest => ({
  ...{ format: 1, job: smallJob(dir), resumes: [] },
  files: [{ role: 'model', path: '/m/config.json', bytes: 2, sha256: 'a'.repeat(64) }],
  start: currentSession('run', null),
});

t.test('when a session starts, then it says when, as what, with what and where', async (t) => {
  const before = Date.now();
  const runtime = { libtorch: '2.11.0+cpu', capability: 'AVX2', threads: 3 };
  const { at, command, versions, machine } = currentSession("run 'a b'", runtime);
  t.ok(Date.parse(at) >= before && Date.parse(at) <= Date.now());
  t.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  t.equal(command, "run 'a b'");
  t.same(versions, {
    package: packageVersion(),
    node: process.version.slice(1),
    libtorch: '2.11.0+cpu',
  });
  t.match(machine, { threads: 3, capability: 'AVX2', memoryBytes: totalmem() });
  t.equal(machine.cores, availableParallelism());
  t.match(machine.platform, /^linux .* (x64|arm64)$/);
  t.ok(machine.cpu.length > 0);
});

t.test('when libtorch was not loaded, then nothing is said of it', async (t) => {
  const { versions, machine } = currentSession('run', null);
  t.same([versions.libtorch, machine.threads, machine.capability], [null, null, null]);
});

t.test('when the version is asked for, then it is that of package.json', async (t) => {
  const path = fileURLToPath(new URL('../../../package.json', import.meta.url));
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  t.equal(packageVersion(), version);
});

t.test('when a manifest was written, then it is read back whole', async (t) => {
  const dir = t.testdir({});
  const manifest = whole(dir);
  writeFileSync(join(dir, manifestName), JSON.stringify({ ...manifest, later: 1 }));
  t.same(readManifest(dir), manifest, 'and what a later version may add is left out');
});

t.test('when there is none, then RUN_CORRUPT says how to start a run', async (t) => {
  const dir = t.testdir({});
  for (const folder of [dir, join(dir, 'nowhere')]) {
    t.throws(() => readManifest(folder), {
      code: 'RUN_CORRUPT',
      message: /holds no run/,
      hint: /lorashear-native run/,
      facts: { folder },
    });
  }
});

t.test(
  'when it is damaged or of another format, then RUN_CORRUPT, whatever is missing',
  async (t) => {
    const dir = t.testdir({});
    const path = join(dir, manifestName);
    const manifest = whole(dir);
    const without = (key: keyof Manifest) => JSON.stringify({ ...manifest, [key]: undefined });
    for (const text of [
      '',
      '{"format":1,"job"',
      'null',
      '[]',
      JSON.stringify({ ...manifest, format: 2 }),
      JSON.stringify({ ...manifest, files: {} }),
      JSON.stringify({ ...manifest, resumes: null }),
      ...(['format', 'job', 'files', 'start', 'resumes'] as const).map(without),
    ]) {
      writeFileSync(path, text);
      t.throws(
        () => readManifest(dir),
        { code: 'RUN_CORRUPT', facts: { path } },
        text.slice(0, 40),
      );
    }
  },
);
