// Runs compiled tests, each file in a process of its own; a line for each, and all that a failing one said.
//   node scripts/run_tests.mjs [FOLDER|FILE…]     below dist/test; without any: all but gpu/ and e2e/
// `tap` would load its hooks for coverage and TypeScript into each process: for most files they take longer than the tests.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { jobs, timeout } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).tap;
const folder = join(root, 'dist', 'test');
const named = process.argv.slice(2).map((name) => join(folder, name));
const files = (named.length > 0 ? named : [folder])
  .flatMap((path) => (statSync(path).isFile() ? [path] : testsBelow(path)))
  .filter((path) => named.length > 0 || !/\/test\/(gpu|e2e)\//.test(path));

const totals = { total: 0, pass: 0 };
const broken = [];
const started = performance.now();
console.log(`${files.length} test files, ${jobs} at a time`);
const next = files[Symbol.iterator]();
await Promise.all(Array.from({ length: jobs }, work));
for (const name of broken) console.log(`failed: ${name}`);
console.log(`# ${files.length} files in ${seconds(started)}`);
console.log(`# { ${written(totals)} }`);
process.exitCode = broken.length > 0 || totals.total === 0 ? 1 : 0;

async function work() {
  for (const file of next) await runFile(file);
}

async function runFile(file) {
  const name = relative(folder, file);
  const from = performance.now();
  const { ended, said } = await outputOf(file);
  const counts = countsOf(said);
  // A process may end in an error after its last assertion, or before its first.
  if (ended !== 0 && !counts.fail) {
    counts.fail = 1;
    counts.total += 1;
  }
  for (const [key, count] of Object.entries(counts)) totals[key] = (totals[key] ?? 0) + count;
  const passed = ended === 0 && counts.total > 0;
  if (!passed) broken.push(name);
  if (!passed) process.stdout.write(`${said}\n${name} ended with ${ended}\n`);
  console.log(`${passed ? 'ok' : 'NOT OK'} ${name} (${written(counts)}; ${seconds(from)})`);
}

/** What a test file wrote, and its exit code or the signal that ended it. */
function outputOf(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      cwd: root,
      // NO_COLOR: where CI is set, colours are on by default.
      env: { ...process.env, TAP_TIMEOUT: String(timeout), NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // tap itself tells what it waited for; this is for a process that does not listen any more.
      timeout: (timeout + 30) * 1000,
      killSignal: 'SIGKILL',
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (said += text));
    }
    child.on('close', (code, signal) => resolve({ ended: signal ?? code, said }));
  });
}

/** tap's last line but one: `# { total: 3, pass: 2, fail: 1 }`. */
function countsOf(said) {
  const line = [...said.matchAll(/^# \{ (total: .*) \}$/gm)].at(-1)?.[1] ?? '';
  const counts = [...line.matchAll(/(\w+): (\d+)/g)].map(([, key, count]) => [key, Number(count)]);
  return { total: 0, pass: 0, ...Object.fromEntries(counts) };
}

function written(counts) {
  return Object.entries(counts)
    .map(([key, count]) => `${key}: ${count}`)
    .join(', ');
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function testsBelow(path) {
  return readdirSync(path, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .map((name) => join(path, name));
}
