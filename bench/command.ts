// The benchmark's command line, the same for `lorashear-native bench` and `npm run bench`.
import { closest, distance } from 'fastest-levenshtein';
import { Command } from 'commander';
import { LoraShearError } from '../lib/errors.js';
import type { Suite } from './suite.js';
import { suites } from './suites/index.js';

export interface BenchOptions {
  /** Suites to run; empty: list them, then run the quick ones. */
  readonly suites: readonly Suite[];
  readonly threads: readonly number[];
  readonly device: 'cpu' | 'cuda';
  readonly peers: boolean;
  readonly pairs: number;
  /** Seconds of one sample. */
  readonly seconds: number;
  readonly only: string | undefined;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly compare: string | undefined;
  /** Folder for a Chrome trace of each case. */
  readonly profile: string | undefined;
  readonly failOnRegression: boolean;
  /** An HTML file for the latest result of each figure; without suites nothing is measured. */
  readonly page: string | undefined;
  readonly installPeers: boolean;
}

type Flags = Partial<
  Record<'device' | 'seconds' | 'only' | 'output' | 'compare' | 'profile' | 'page', string>
> &
  Partial<Record<'threads' | 'pairs', string>> &
  Partial<Record<'peers' | 'json' | 'failOnRegression' | 'installPeers', boolean>>;

/** The `bench` subcommand; `act` gets the options once they are checked. */
export function benchCommand(
  act: (options: BenchOptions) => Promise<void> = async (options) => {
    const { bench } = await import('./main.js');
    await bench(options);
  },
): Command {
  return new Command('bench')
    .description('measure this machine: ours beside the Python peers, with figures to meet')
    .argument('[suites...]', 'suites by name, see below [the quick ones]')
    .optionsGroup('Measuring:')
    .option('--device <name>', 'cpu or cuda', 'cpu')
    .option('--threads <list>', 'numbers of threads: 2, or 1,2,4 [1,2]')
    .option('--peers', 'measure the Python peers too, interleaved with ours')
    .option('--pairs <n>', 'pairs of samples [5]')
    .option('--seconds <s>', 'length of one sample [0.25]')
    .option('--only <text>', 'cases whose name holds the text')
    .optionsGroup('Results:')
    .option('--json', 'print JSONL instead of tables')
    .option('-o, --output <file>', 'JSONL [bench/results/ of a clone, else bench-results/]')
    .option('--compare <file>', 'ratios of medians against an earlier result')
    .option(
      '--fail-on-regression',
      'end with 11 when --compare finds something slower than its noise',
    )
    .option('--profile <folder>', 'a Chrome trace of one call of each case, operators by module')
    .option('--page <file>', 'charts of all results as one HTML file; measures only named suites')
    .optionsGroup('Peers:')
    .option('--install-peers', "make the peers' Python environment in the user cache")
    .addHelpText('after', () => `\nSuites:\n${suiteList()}${examples}`)
    .action(async (names: string[], flags: Flags) => {
      await act(optionsOf(names, flags));
    });
}

const examples = `
It ends with 1 when ours and a peer computed different results. docs/benchmarks.md explains every figure.

Examples:
  lorashear-native bench --install-peers
  lorashear-native bench forward decode --peers --threads 2
  lorashear-native bench lhspg --only 'share of a step, transfer' --profile traces    # open in ui.perfetto.dev
  lorashear-native bench --page benchmark.html
  lorashear-native bench boundary --compare results.jsonl --fail-on-regression`;

/** One line a suite. */
export function suiteList(): string {
  const width = Math.max(...suites.map(({ name }) => name.length));
  return suites
    .map(
      ({ name, what, quick }) =>
        `  ${name.padEnd(width)}  ${what}${quick ? '' : ' (only by name)'}\n`,
    )
    .join('');
}

/** @throws CONFIG_INVALID naming the option or suite and what it may be */
function optionsOf(names: readonly string[], flags: Flags): BenchOptions {
  const { device = 'cpu', threads = '1,2', compare } = flags;
  if (device !== 'cpu' && device !== 'cuda') {
    throw invalid(`--device is '${device}'`, 'give cpu or cuda');
  }
  const failOnRegression = flags.failOnRegression === true;
  if (failOnRegression && compare === undefined) {
    throw invalid('--fail-on-regression was given without --compare', 'add --compare FILE');
  }
  return {
    suites: names.map(suiteCalled),
    threads: threads.split(',').map((text) => count('--threads', text)),
    ...{ device, compare, failOnRegression, only: flags.only, output: flags.output },
    ...{ profile: flags.profile, page: flags.page },
    pairs: count('--pairs', flags.pairs ?? '5'),
    seconds: positive('--seconds', flags.seconds ?? '0.25'),
    ...{ peers: flags.peers === true, json: flags.json === true },
    installPeers: flags.installPeers === true,
  };
}

function suiteCalled(name: string): Suite {
  const suite = suites.find((s) => s.name === name);
  if (suite) return suite;
  const names = suites.map((s) => s.name);
  const near = closest(name, names);
  const all = `suites: ${names.join(', ')}`;
  throw invalid(
    `there is no suite '${name}'`,
    distance(name, near) <= near.length / 2 ? `did you mean ${near}? (${all})` : all,
  );
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw invalid(`${option} is '${text}'`, 'give a whole number from 1');
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw invalid(`${option} is '${text}'`, 'give a number above 0');
}

const invalid = (what: string, hint: string): LoraShearError =>
  new LoraShearError('CONFIG_INVALID', what, { hint });
