// Loads an addon in a process of its own: whether it works is known without risking this one.
import { spawn } from 'node:child_process';
import type { Binding } from '../native/binding.js';
import type { Environment } from './cache.js';

export type LoadOutcome =
  { ok: true; versions: ReturnType<Binding['versions']> } | { ok: false; message: string };

const script = `
const addon = { exports: {} };
process.dlopen(addon, process.argv[1]);
console.log(JSON.stringify(addon.exports.versions()));`;

/** Loads `path` and asks it what libtorch sees; the message of a failure is the dynamic linker's. */
export function tryLoading(path: string, env: Environment = process.env): Promise<LoadOutcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', script, path], {
      env: { ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let answer = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', (error) => {
      resolve({ ok: false, message: error.message });
    });
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve({ ok: true, versions: JSON.parse(answer) as ReturnType<Binding['versions']> });
        return;
      }
      const line = errors.split('\n').find((text) => /^\w*Error: /.test(text));
      const end = signal ? `the process died of ${signal}` : errors.trim().slice(-500);
      resolve({ ok: false, message: line?.replace(/^\w*Error: /, '') ?? end });
    });
  });
}
