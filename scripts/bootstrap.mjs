// Brings a clone to the point where everything runs: npm packages, compiled TypeScript, libtorch, addon.
// Does only what is missing, and is silent when nothing is; needs nothing but Node.
//   node scripts/bootstrap.mjs [--no-native]
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 17)) {
  fail(`Node ${process.version} is too old`, 'install Node 20.17 or newer');
}

if (!packagesAreInstalled()) {
  say('installing npm packages (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm packages');
}
const before = sourceStamp();
if (read('dist/.bootstrap') !== before) {
  say('compiling TypeScript');
  removeOrphans();
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], 'TypeScript');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'dist/.bootstrap'), before);
}
if (!process.argv.includes('--no-native')) {
  run(process.execPath, ['bin/lorashear-native.js', 'setup', '--quiet-if-ready'], 'set-up');
}

/** node_modules is right when npm's own record of it has every required package in the locked version. */
function packagesAreInstalled() {
  const record = read('node_modules/.package-lock.json');
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const wanted = Object.entries(JSON.parse(read('package-lock.json')).packages);
  return wanted.every(([path, { version, optional, devOptional, peer }]) => {
    if (path === '') return true;
    const found = installed[path];
    return found ? found.version === version : Boolean(optional || devOptional || peer);
  });
}

/** Changes when a TypeScript source or the settings change, appear or go. */
function sourceStamp() {
  const files = ['tsconfig.json', 'package-lock.json', ...typescriptSources()];
  const lines = files.map((name) => {
    const { mtimeMs, size } = statSync(join(root, name));
    return `${name} ${mtimeMs} ${size}`;
  });
  return `${process.version}\n${lines.join('\n')}\n`;
}

function typescriptSources() {
  return ['lib', 'test', 'bench', 'scripts'].flatMap((folder) =>
    filesBelow(folder).filter((name) => name.endsWith('.ts')),
  );
}

/** Compiled files whose source is gone would still run as tests. */
function removeOrphans() {
  const sources = new Set(typescriptSources().map((name) => name.slice(0, -'.ts'.length)));
  let removed = false;
  for (const name of filesBelow('dist')) {
    const stem = /^dist\/(.*?)(\.d\.ts|\.js|\.js\.map)$/.exec(name)?.[1];
    if (stem === undefined || sources.has(stem)) continue;
    rmSync(join(root, name));
    removed = true;
  }
  // tsc's own record would make it believe that nothing changed.
  if (removed) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function read(name) {
  return existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : undefined;
}

function run(program, args, what) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) fail(`${what}: ${program} does not start: ${error.message}`, `install ${program}`);
  if (status !== 0) process.exit(status ?? 1);
}

function say(text) {
  process.stderr.write(`bootstrap: ${text}\n`);
}

function fail(message, hint) {
  process.stderr.write(`bootstrap: ${message}\n  hint: ${hint}\n`);
  process.exit(1);
}
