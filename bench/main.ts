// The benchmark: sets up, measures the suites that were asked for, writes and compares; docs/benchmarks.md explains the figures.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { setupProgress } from '../lib/cli/setup_progress.js';
import { writeAtomic } from '../lib/run_folder/atomic_write.js';
import { ensureNative } from '../lib/setup/build.js';
import { type BenchOptions, suiteList } from './command.js';
import { compareResults, describeComparison, readResults, refuseRegressions } from './compare.js';
import { hardware } from './machine.js';
import { resultsIn, resultsPage } from './page/page.js';
import { installPeers, peerPython } from './peer_environment.js';
import type { Result } from './result.js';
import { newResultFile, resultsFolder } from './results_folder.js';
import { runSuite } from './run_suite.js';
import { suites } from './suites/index.js';
import { describeMachine, describeResult } from './table.js';

const say = (text: string): void => void process.stderr.write(text);

/** Threads of libgomp spin for a few milliseconds after their work. */
const settle = 20;
/** Lets one sample of a slow call be one call, and keeps a fast one from collecting millions of values. */
const mostCalls = 2000;

/**
 * Does what was asked for; exit code 1 when ours and a peer computed different results.
 * @throws BENCH_REGRESSED when asked to, SETUP_… without libtorch or peers
 */
export async function bench(options: BenchOptions): Promise<void> {
  if (options.installPeers) {
    say(`${await installPeers((text) => say(`${text}\n`))}\n`);
    if (options.suites.length === 0) return;
  }
  if (options.page !== undefined && options.suites.length === 0) {
    writePage(options.page, resultsIn(resultsFolder()));
    return;
  }
  const before = options.compare === undefined ? [] : readResults(options.compare);
  await ensureNative(setupProgress());
  if (options.suites.length === 0) say(`${suiteList()}\n`);
  const results = await measure(options);
  if (results.length === 0) {
    say('no case was measured\n');
    return;
  }
  const output = resolve(options.output ?? newResultFile(results));
  mkdirSync(dirname(output), { recursive: true });
  writeAtomic(output, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  say(`results: ${relative(process.cwd(), output)}\n`);
  if (options.profile !== undefined) say(`profiles: ${options.profile}\n`);
  if (options.page !== undefined) writePage(options.page, [...earlierResults(output), ...results]);
  if (results.some(({ agrees }) => !agrees)) process.exitCode = 1;
  if (options.compare === undefined) return;
  const comparisons = compareResults(results, before);
  say(describeComparison(comparisons));
  if (options.failOnRegression) refuseRegressions(comparisons);
}

/** Of the results folder, but for the file that was just written. */
const earlierResults = (output: string): Result[] =>
  existsSync(resultsFolder()) ? resultsIn(resultsFolder(), output) : [];

function writePage(file: string, results: readonly Result[]): void {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeAtomic(file, resultsPage(results, suites));
  say(`page: ${file}, ${results.length} results\n`);
}

async function measure({ json, threads, seconds, ...options }: BenchOptions): Promise<Result[]> {
  const results: Result[] = [];
  const python = options.peers ? peerPython() : undefined;
  const facts = hardware();
  const chosen = options.suites.length > 0 ? options.suites : suites.filter((s) => s.quick);
  for (const suite of chosen) {
    for (const count of suite.threaded ? threads : threads.slice(0, 1)) {
      let shown = 0;
      const { device, pairs, only, profile } = options;
      const run = {
        ...{ device, pairs, settle, only, profile },
        threads: count,
        python,
        hardware: facts,
      };
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
