// The Python that runs the peers: a virtual environment in the user cache, with pinned packages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LoraShearError } from '../lib/errors.js';
import { cacheFolder, type Environment, withLock, writeAtomically } from '../lib/setup/cache.js';
import { findPython } from '../lib/setup/machine.js';

/** Where the peers' scripts lie. */
export const peersFolder = fileURLToPath(new URL('../../bench/peers/', import.meta.url));
const requirements = join(peersFolder, 'requirements.txt');

/** One environment for each set of pins; its marker is written last. */
function environmentFolder(env: Environment): string {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  return join(cacheFolder(env), 'peers', hash);
}
const markerOf = (folder: string): string => join(folder, 'complete');

/**
 * `LORASHEAR_PEER_PYTHON`, else the installed environment's.
 * @throws SETUP_NO_PYTHON when there is neither
 */
export function peerPython(env: Environment = process.env): string {
  const named = env['LORASHEAR_PEER_PYTHON'];
  const folder = environmentFolder(env);
  const installed = existsSync(markerOf(folder)) ? join(folder, 'bin/python') : undefined;
  const python = named ?? installed;
  if (python === undefined || !existsSync(python)) {
    throw new LoraShearError(
      'SETUP_NO_PYTHON',
      named ? `LORASHEAR_PEER_PYTHON names ${named}, which is not there` : 'no peers are installed',
      { hint: 'run `lorashear-native bench --install-peers`, or set LORASHEAR_PEER_PYTHON' },
    );
  }
  return python;
}

/**
 * Makes the environment, unless it is whole already.
 * @throws SETUP_NO_PYTHON without Python, SETUP_DOWNLOAD_FAILED when pip fails
 */
export async function installPeers(say: (text: string) => void): Promise<string> {
  const folder = environmentFolder(process.env);
  const note = { on: () => undefined };
  await withLock('peers', note.on, async () => {
    if (existsSync(markerOf(folder))) return;
    const python = findPython();
    if (python === undefined) {
      throw new LoraShearError('SETUP_NO_PYTHON', 'no python3 in PATH', {
        hint: 'install Python 3.10 or newer',
      });
    }
    rmSync(folder, { recursive: true, force: true });
    say(`making a virtual environment in ${folder}`);
    run(python, ['-m', 'venv', folder]);
    say('installing the packages of bench/peers/requirements.txt');
    run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '-r', requirements]);
    writeAtomically(markerOf(folder), '');
  });
  return join(folder, 'bin/python');
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  throw new LoraShearError('SETUP_DOWNLOAD_FAILED', `${program} ${args.join(' ')} failed`, {
    hint: 'see its message above; pip needs a network or a mirror',
    ...(error ? { cause: error } : {}),
  });
}
