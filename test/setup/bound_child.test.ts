import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { spawnBound } from '../../lib/setup/bound_child.js';

const env = { PATH: process.env['PATH'] };

t.test('when the program ends, then its output and exit code come back', async (t) => {
  const script = 'echo out; echo err >&2; exit 3';
  const child = spawnBound('/bin/sh', ['-c', script], { cwd: t.testdir(), env });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  t.equal(await new Promise((closed) => child.on('close', closed)), 3);
  t.match(text, 'out\n');
  t.match(text, 'err\n');
});

t.test('when the program does not start, then the exit code says so', async (t) => {
  const child = spawnBound('/nowhere/program', [], { cwd: t.testdir(), env });
  t.equal(await new Promise((closed) => child.on('close', closed)), 127);
});

t.test('when we are killed, then the program and its children go too', async (t) => {
  const cwd = t.testdir();
  const url = new URL('../../lib/setup/bound_child.js', import.meta.url).href;
  // A grandchild, as a compiler under make under cmake-js is one.
  const build = 'sh -c "echo \\$\\$ > pid; sleep 60" & wait';
  const script = `import { spawnBound } from '${url}';
    spawnBound('/bin/sh', ['-c', ${JSON.stringify(build)}], { cwd: ${JSON.stringify(cwd)}, env: process.env });`;
  const us = spawn(process.execPath, ['--input-type=module', '-e', script], { env });
  const file = join(cwd, 'pid');
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await sleep(10);
  const pid = Number(readFileSync(file, 'utf8'));
  t.ok(isRunning(pid));
  us.kill('SIGKILL');
  for (let i = 0; i < 500 && isRunning(pid); i++) await sleep(10);
  t.notOk(isRunning(pid));
});

/** A zombie, which nobody in a container may reap, runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
