// With LORASHEAR_LEAKS=1: tells of tensors that were garbage-collected while their handle was alive (design §3.4).
import { fileURLToPath } from 'node:url';
import { native } from '../native/load.js';
import { dtypeOfCode } from './dtype.js';
import type { Tensor } from './tensor.js';

/** What is left of a collected tensor. */
interface Trace {
  readonly handle: Tensor['handle'];
  readonly stack: string;
}

/** Our own frames lie in this folder, or with source maps in its sources; the first other one is the place. */
const folder = new URL('.', import.meta.url);
const compiled = fileURLToPath(folder);
const own = [folder.href, compiled, compiled.replace('/dist/lib/', '/lib/')];
const framesShown = 8;
const framesTaken = 30;

/**
 * Watches a new tensor: when it is collected and nobody has freed its handle (a scope that owns a tensor keeps it from
 * being collected), one message for each place of creation goes to stderr. It frees nothing: a detector, not a
 * collector. Undefined where LORASHEAR_LEAKS is not 1, so that the constructor pays one comparison.
 */
export const watch: ((tensor: Tensor) => void) | undefined =
  process.env['LORASHEAR_LEAKS'] === '1' ? watcher() : undefined;

function watcher(): (tensor: Tensor) => void {
  const told = new Set<string>();
  const registry = new FinalizationRegistry(({ handle, stack }: Trace) => {
    const site = stack.split('\n', 1)[0] ?? '';
    if (told.has(site) || !native().isAlive(handle)) return;
    told.add(site);
    process.stderr.write(
      `lorashear-native: leaked ${describe(handle)}: collected, its handle was never freed; made\n${stack}\n`,
    );
  });
  return (tensor) => {
    registry.register(tensor, { handle: tensor.handle, stack: stackOutside() });
  };
}

/** The stack of the caller from the first frame that is not our own. */
function stackOutside(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = framesTaken;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const first = frames.findIndex((frame) => !own.some((path) => frame.includes(path)));
  return frames.slice(Math.max(first, 0)).slice(0, framesShown).join('\n');
}

function describe(handle: Tensor['handle']): string {
  const b = native();
  return `${dtypeOfCode(b.dtype(handle)) ?? 'tensor'}(${b.shape(handle).join('×')}) on ${b.device(handle)}`;
}
