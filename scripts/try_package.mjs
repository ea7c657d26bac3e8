// The package as a user gets it: packed, weighed, installed into an empty folder, and its `npx … run` run there.
// Installing must neither compile nor download: no package of the installed tree has an install script.
//   node scripts/try_package.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from './plain_environment.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sizeLimit = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'lorashear-package-'));
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

try {
  let start = performance.now();
  run('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tarball = join(folder, `${name}-${version}.tgz`);
  const { size } = statSync(tarball);
  const kibibytes = `${(size / 1024).toFixed(0)} KiB of at most ${sizeLimit / 1024} KiB`;
  console.log(`packed in ${seconds(start)}: ${kibibytes}`);
  if (size > sizeLimit) throw new Error('the package is too large');

  const app = mkdtempSync(join(folder, 'app-'));
  writeFileSync(join(app, 'package.json'), '{ "private": true }\n');
  start = performance.now();
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', tarball],
    app,
  );
  const packages = packagesIn(app);
  console.log(`installed in ${seconds(start)}: ${packages.length} packages`);
  const scripts = packages.flatMap(installScripts);
  if (scripts.length > 0) throw new Error(`run when installed: ${scripts.join(', ')}`);

  start = performance.now();
  const examples = join(root, 'examples', 'quickstart');
  const job = ['run', join(examples, 'job.yaml'), '--output', join(app, 'run')];
  // A few steps of everything are enough: what is tried is the package, not the method.
  const short = ['--tokens', '25000', 'recovery.rounds=1', 'instruct_tuning.tokens=4000'];
  run('npx', ['--no-install', 'lorashear-native', ...job, ...short], app);
  if (!existsSync(join(app, 'run', 'model', 'model.safetensors'))) throw new Error('no model');
  if (!existsSync(join(app, 'run', 'report.html'))) throw new Error('no report');
  console.log(`npx lorashear-native run: ${seconds(start)}`);

  start = performance.now();
  const bench = ['bench', 'boundary', '--threads', '1', '--pairs', '1', '--seconds', '0.01'];
  run('npx', ['--no-install', 'lorashear-native', ...bench, '--only', 'view'], app);
  if (!existsSync(join(app, 'bench-results'))) throw new Error('no results of the benchmark');
  const peers = join(app, 'node_modules', name, 'bench', 'peers');
  if (!existsSync(join(peers, 'serve.py'))) throw new Error('no peers of the benchmark');
  console.log(`npx lorashear-native bench: ${seconds(start)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Folders of all packages that npm put below `app`. */
function packagesIn(app) {
  const record = readFileSync(join(app, 'node_modules', '.package-lock.json'), 'utf8');
  return Object.keys(JSON.parse(record).packages).map((path) => join(app, path));
}

/** What npm runs when it installs a package; a binding.gyp is built unless `gypfile` says no. */
function installScripts(folder) {
  const {
    name,
    scripts = {},
    gypfile,
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const found = ['preinstall', 'install', 'postinstall'].filter((script) => script in scripts);
  if (gypfile !== false && existsSync(join(folder, 'binding.gyp'))) found.push('binding.gyp');
  return found.map((script) => `${script} of ${name}`);
}

function run(program, args, cwd) {
  const env = plainEnvironment();
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}\n${stderr}`);
}
