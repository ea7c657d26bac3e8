// The benchmark: node dist/bench/main.js [suite…] [options]; --help lists them, docs/benchmarks.md explains the figures.
import { mkdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printError } from '../lib/cli/print_error.js';
import { writeAtomic } from '../lib/run_folder/atomic_write.js';
import { compareResults, describeComparison, readResults } from './compare.js';
import { hardware } from './machine.js';
import { type BenchOptions, parseOptions, usage } from './options.js';
import { installPeers, peerPython } from './peer_environment.js';
import type { Result } from './result.js';
import { runSuite } from './run_suite.js';
import { suites } from './suites/index.js';
import { describeMachine, describeResult } from './table.js';

const resultsFolder = fileURLToPath(new URL('../../bench/results/', import.meta.url));
const say = (text: string): void => void process.stderr.write(text);

/** Threads of libgomp spin for a few milliseconds after their work. */
const settle = 20;
/** Lets one sample of a slow call be one call, and keeps a fast one from collecting millions of values. */
const mostCalls = 2000;

async function main(options: BenchOptions): Promise<void> {
  if (options.help) {
    process.stdout.write(`${usage}\n${list()}`);
    return;
  }
  if (options.installPeers) {
    say(`${await installPeers((text) => say(`${text}\n`))}\n`);
    if (options.suites.length === 0) return;
  }
  if (options.suites.length === 0) say(`${list()}\n`);
  const before = options.compare === undefined ? [] : readResults(options.compare);
  const results = await measure(options);
  if (results.length === 0) {
    say('no case was measured\n');
    return;
  }
  const output = resolve(options.output ?? join(resultsFolder, `${stamp(results)}.jsonl`));
  mkdirSync(dirname(output), { recursive: true });
  writeAtomic(output, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  say(`results: ${relative(process.cwd(), output)}\n`);
  if (options.compare !== undefined) say(describeComparison(compareResults(results, before)));
  if (results.some(({ agrees }) => !agrees)) process.exitCode = 1;
}

async function measure({ json, threads, seconds, ...options }: BenchOptions): Promise<Result[]> {
  const results: Result[] = [];
  const python = options.peers ? peerPython() : undefined;
  const facts = hardware();
  const chosen = options.suites.length > 0 ? options.suites : suites.filter((s) => s.quick);
  for (const suite of chosen) {
    for (const count of suite.threaded ? threads : threads.slice(0, 1)) {
      let shown = 0;
      const { device, pairs, only } = options;
      const run = { device, pairs, settle, only, threads: count, python, hardware: facts };
      await runSuite(suite, { ...run, budget: { seconds, calls: mostCalls } }, (result) => {
        results.push(result);
        if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
        else
          process.stdout.write(
            `${shown++ === 0 ? `${describeMachine(result)}\n` : ''}${describeResult(result)}`,
          );
      });
      if (shown > 0) process.stdout.write('\n');
    }
  }
  return results;
}

function list(): string {
  const width = Math.max(...suites.map(({ name }) => name.length));
  return suites
    .map(
      ({ name, what, quick }) =>
        `  ${name.padEnd(width)}  ${what}${quick ? '' : ' (only by name)'}\n`,
    )
    .join('');
}

/** For example `2026-11-24T10-31-05-boundary`. */
function stamp(results: readonly Result[]): string {
  const names = new Set(results.map(({ suite }) => suite));
  const what = names.size === 1 ? [...names].join('') : `${names.size}-suites`;
  return `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-${what}`;
}

try {
  await main(parseOptions(process.argv.slice(2), suites));
} catch (thrown) {
  process.exitCode = printError(thrown, { json: process.argv.includes('--json'), debug: false });
}
