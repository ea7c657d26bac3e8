// How long a newcomer waits: clones the committed HEAD into an empty folder, runs `npm test` there, times each part.
//   node scripts/fresh_clone.mjs [--empty-cache]     with it, libtorch is fetched and the addon built, too
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from './plain_environment.mjs';

/** Lines of `npm test` with which a part begins. */
const beginnings = [
  [/^bootstrap: installing npm packages/, 'npm ci'],
  [/^bootstrap: compiling TypeScript/, 'TypeScript and set-up'],
  [/^\d+ test files/, 'tests'],
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'lorashear-clone-'));
const clone = join(folder, 'clone');
const env = plainEnvironment();
if (process.argv.includes('--empty-cache')) env.LORASHEAR_CACHE = join(folder, 'cache');
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

console.log(`load before: ${loadavg()[0].toFixed(2)}`);
const parts = [{ name: 'git clone', start: performance.now() }];
const { status } = spawnSync('git', ['clone', '--quiet', root, clone], { stdio: 'inherit' });
if (status !== 0) throw new Error('git clone failed');

begin('npm test begins');
const child = spawn('npm', ['test'], { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of [child.stdout, child.stderr]) {
  createInterface({ input: stream }).on('line', (line) => {
    console.log(line);
    const part = beginnings.find(([beginning]) => beginning.test(line));
    if (part) begin(part[1]);
  });
}
const code = await new Promise((resolve) => child.on('close', resolve));
begin('end');

console.log('');
for (const [i, { name, start }] of parts.slice(0, -1).entries()) {
  console.log(`${name.padEnd(22)} ${seconds(parts[i + 1].start - start)}`);
}
console.log(`${'in all'.padEnd(22)} ${seconds(parts.at(-1).start - parts[0].start)}`);
process.exitCode = code ?? 1;

function begin(name) {
  parts.push({ name, start: performance.now() });
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
}
