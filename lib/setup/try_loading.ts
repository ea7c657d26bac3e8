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
      const end = signal ? `the process died of ${signal}` : errors.trim().slice(-500);
      resolve({ ok: false, message: thrownMessage(errors) ?? end });
    });
  });
}

/** The message of the error that ended a Node process: its lines up to the stack, as one. */
function thrownMessage(text: string): string | undefined {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => /^\w*Error: /.test(line));
  if (from < 0) return undefined;
  const length = lines.slice(from).findIndex((line) => /^ +at |^$/.test(line));
  const message = lines.slice(from, length < 0 ? undefined : from + length).join(' ');
  return message.replace(/^\w*Error: /, '');
}
