// Finds a libtorch that is already on the machine: LORASHEAR_LIBTORCH, an importable Python torch, the user cache.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LoraShearError } from '../errors.js';
import { cacheFolder, type Environment, writeAtomically } from './cache.js';
import { inspectLibtorch, type LibtorchInfo } from './inspect.js';
import { currentPlatform, findPython, hasNvidiaDriver } from './machine.js';
import type { OnSetupEvent } from './setup_event.js';
import { type Device, libtorchVersion } from './wheels.js';

/** Folder of the fetched set in the user cache; it exists only when it is complete. */
export function fetchedFolder(device: Device, env: Environment = process.env): string {
  const name = `${libtorchVersion}-${device}-${currentPlatform()}`;
  return join(cacheFolder(env), 'libtorch', name);
}

/**
 * Looks in the order of design §0 and remembers what it chose for {@link chosenLibtorch}.
 * @returns undefined when there is none and one must be fetched
 * @throws LIBTORCH_INVALID when LORASHEAR_LIBTORCH is set to a folder that does not serve
 */
export async function locateLibtorch(
  onEvent: OnSetupEvent,
  env: Environment = process.env,
): Promise<LibtorchInfo | undefined> {
  const named = fromEnvironment(env);
  if (named) return named;
  const found = (await fromPython(onEvent, env)) ?? fromCache(onEvent, env);
  if (found) remember(found, env);
  return found;
}

/**
 * What the last {@link locateLibtorch} chose, if it still serves; asks no Python, so it is fast.
 * @throws LIBTORCH_INVALID when LORASHEAR_LIBTORCH is set to a folder that does not serve
 */
export function chosenLibtorch(env: Environment = process.env): LibtorchInfo | undefined {
  const named = fromEnvironment(env);
  if (named) return named;
  const path = choicePath(env);
  if (!existsSync(path)) return undefined;
  try {
    const { folder, origin, why } = JSON.parse(readFileSync(path, 'utf8')) as LibtorchInfo;
    return inspectLibtorch(folder, origin, why);
  } catch {
    return undefined;
  }
}

/** Written only when it changed, so that a filled cache may be read-only. */
function remember(found: LibtorchInfo, env: Environment): void {
  const path = choicePath(env);
  const text = JSON.stringify(found);
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeAtomically(path, text);
}

/** The choice depends on which Python answers and on whether a GPU is there, so both are in its name. */
function choicePath(env: Environment): string {
  const circumstances = JSON.stringify([findPython(env), hasNvidiaDriver()]);
  const name = createHash('sha256').update(circumstances).digest('hex').slice(0, 12);
  return join(cacheFolder(env), 'libtorch', `choice-${name}.json`);
}

function fromEnvironment(env: Environment): LibtorchInfo | undefined {
  const folder = env['LORASHEAR_LIBTORCH'];
  return folder
    ? inspectLibtorch(folder, 'LORASHEAR_LIBTORCH', 'LORASHEAR_LIBTORCH names it')
    : undefined;
}

/** Prints the folder of the torch package without importing it, never one of the working directory. */
const probe = `
import sys, importlib.util
sys.path = [p for p in sys.path if p]
spec = importlib.util.find_spec('torch')
print((spec.submodule_search_locations or [''])[0] if spec else '')`;

async function fromPython(
  onEvent: OnSetupEvent,
  env: Environment,
): Promise<LibtorchInfo | undefined> {
  const python = findPython(env);
  if (!python) return undefined;
  const answer = await promisify(execFile)(python, ['-c', probe], { env: { ...env } }).catch(
    () => undefined,
  );
  const folder = answer?.stdout.trim();
  if (!folder) return undefined;
  try {
    return inspectLibtorch(folder, 'python', `${python} imports it`);
  } catch (thrown) {
    if (!(thrown instanceof LoraShearError)) throw thrown;
    onEvent({ kind: 'note', text: `not used: ${thrown.message}` });
    return undefined;
  }
}

function fromCache(onEvent: OnSetupEvent, env: Environment): LibtorchInfo | undefined {
  const driver = hasNvidiaDriver();
  const folder = fetchedFolder(driver ? 'cuda' : 'cpu', env);
  if (!existsSync(folder)) return undefined;
  const why = driver
    ? 'fetched; CUDA set, as there is an NVIDIA driver'
    : 'fetched; CPU set, as there is no NVIDIA driver';
  try {
    return inspectLibtorch(folder, 'cache', why);
  } catch (thrown) {
    if (!(thrown instanceof LoraShearError)) throw thrown;
    onEvent({ kind: 'note', text: `not used: ${thrown.message}` });
    return undefined;
  }
}
