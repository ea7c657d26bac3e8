// The benchmark's command line.
import { parseArgs } from 'node:util';
import { closest, distance } from 'fastest-levenshtein';
import { LoraShearError } from '../lib/errors.js';
import type { Suite } from './suite.js';

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
  readonly installPeers: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [suite…] [options]

  --threads N      at N threads only (default: at 1 and at 2)
  --device D       cpu or cuda (default: cpu)
  --peers          measure the Python peers too, interleaved with ours
  --pairs N        pairs of samples (default: 5)
  --seconds S      length of one sample (default: 0.25)
  --only TEXT      cases whose name holds TEXT
  --json           print JSONL instead of tables
  --output FILE    where the results go (default: a new file in bench/results/)
  --compare FILE   ratios of medians against an earlier result
  --install-peers  make the peers' Python environment in the user cache
`;

/** @throws CONFIG_INVALID naming the option or suite and what it may be */
export function parseOptions(argv: readonly string[], known: readonly Suite[]): BenchOptions {
  const { values, positionals } = parse(argv);
  const { device } = values;
  if (device !== 'cpu' && device !== 'cuda')
    throw invalid(`--device is '${device}'`, 'give cpu or cuda');
  return {
    suites: positionals.map((name) => suiteCalled(name, known)),
    threads: values.threads === undefined ? [1, 2] : [count('--threads', values.threads)],
    device,
    peers: values.peers,
    pairs: count('--pairs', values.pairs),
    seconds: positive('--seconds', values.seconds),
    only: values.only,
    json: values.json,
    output: values.output,
    compare: values.compare,
    installPeers: values['install-peers'],
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        threads: { type: 'string' },
        device: { type: 'string', default: 'cpu' },
        peers: { type: 'boolean', default: false },
        pairs: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '0.25' },
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
        output: { type: 'string' },
        compare: { type: 'string' },
        'install-peers': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (thrown) {
    throw invalid(thrown instanceof Error ? thrown.message : String(thrown), 'see --help');
  }
}

function suiteCalled(name: string, known: readonly Suite[]): Suite {
  const suite = known.find((s) => s.name === name);
  if (suite) return suite;
  const names = known.map((s) => s.name);
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
