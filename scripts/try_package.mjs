// The package as a user gets it: packed, weighed, installed into an empty folder, and its `npx … run` run there.
//   node scripts/try_package.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sizeLimit = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'lorashear-package-'));
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

try {
  run('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tarball = join(folder, `${name}-${version}.tgz`);
  const { size } = statSync(tarball);
  console.log(`packed: ${(size / 1024).toFixed(0)} KiB of at most ${sizeLimit / 1024} KiB`);
  if (size > sizeLimit) throw new Error('the package is too large');

  const app = mkdtempSync(join(folder, 'app-'));
  writeFileSync(join(app, 'package.json'), '{ "private": true }\n');
  let start = performance.now();
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], app);
  console.log(`installed in ${seconds(start)}`);

  start = performance.now();
  const examples = join(root, 'examples', 'quickstart');
  const job = ['run', join(examples, 'job.yaml'), '--output', join(app, 'run')];
  // A few steps of everything are enough: what is tried is the package, not the method.
  const short = ['--tokens', '40000', 'recovery.rounds=1', 'instruct_tuning.tokens=8000'];
  run('npx', ['--no-install', 'lorashear-native', ...job, ...short], app);
  if (!existsSync(join(app, 'run', 'model', 'model.safetensors'))) throw new Error('no model');
  if (!existsSync(join(app, 'run', 'report.html'))) throw new Error('no report');
  console.log(`npx lorashear-native run: ${seconds(start)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(program, args, cwd) {
  // What npm tells the scripts of this clone is not for the other folder.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')),
  );
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}\n${stderr}`);
}
