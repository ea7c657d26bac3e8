// What a user waits for before anything happens: the help of the command line, and the download of the package.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LoraShearError } from '../../lib/errors.js';
import { type Case, type Suite, alsoAtMost, valueAtMost } from '../suite.js';
import { timed } from '../timed.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bin = fileURLToPath(new URL('../../../bin/lorashear-native.js', import.meta.url));

/** What the program prints. */
function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new LoraShearError('INTERNAL', `${program} ${args.join(' ')} failed: ${stderr.trim()}`);
}

/** Run before the program: at its end, says in the last line whether libtorch was mapped into the process. */
const watcher = `data:text/javascript,${encodeURIComponent(`
import { readFileSync, writeSync } from 'node:fs';
process.on('exit', () => writeSync(1, '\\n' + readFileSync('/proc/self/maps', 'utf8').includes('libtorch')));
`)}`;

const help: Case = {
  name: '--help',
  ...{ unit: 's', peers: [], parameters: {} },
  targets: [
    valueAtMost(0.15, '< 150 ms'),
    alsoAtMost('libtorchLoaded', 0, 'libtorch is not loaded'),
  ],
  prepare() {
    const watched = run(process.execPath, ['--import', watcher, bin, '--help']);
    const libtorchLoaded = watched.endsWith('\nfalse') ? 0 : 1;
    const measure = timed({ call: () => void run(process.execPath, [bin, '--help']) });
    return { measure: (budget) => ({ ...measure(budget), also: { libtorchLoaded } }) };
  },
};

const packed: Case = {
  name: 'packed package',
  ...{ unit: 'MiB', peers: [], parameters: {} },
  targets: [valueAtMost(1, '< 1 MiB')],
  prepare() {
    const listing = run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts']);
    const [{ size, entryCount }] = JSON.parse(listing) as [{ size: number; entryCount: number }];
    const measurement = { values: [size / 2 ** 20], also: { files: entryCount } };
    return { measure: () => measurement };
  },
};

export const cli: Suite = {
  name: 'cli',
  what: 'the time of --help and the size of the package',
  quick: true,
  threaded: false,
  cases: () => [help, packed],
};
