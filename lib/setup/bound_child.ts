// A child process that dies with us, whatever kills us: no orphan goes on writing where the next set-up begins.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from './cache.js';

/**
 * Runs the program in a process group of its own, and kills that group when the pipe from us closes, which the kernel
 * does even after SIGKILL.
 */
const keeper = `
const { spawn } = require('node:child_process');
const [program, ...args] = process.argv.slice(1);
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
process.stdin.resume();
process.stdin.on('close', () => process.kill(0, 'SIGKILL'));
child.on('error', (error) => { console.error(error.message); process.exit(127); });
child.on('close', (code) => process.exit(code ?? 1));`;

/** Starts `program`; its output comes by pipes, its exit code as usual. */
export function spawnBound(
  program: string,
  args: readonly string[],
  { cwd, env }: { cwd: string; env: Environment },
): ChildProcess {
  return spawn(process.execPath, ['-e', keeper, program, ...args], {
    cwd,
    env: { ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
