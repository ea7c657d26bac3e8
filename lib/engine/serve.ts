// The worker's side of the protocol: does the assigned task, posts its events and its one outcome.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { type LoraShearError, asLoraShearError, fullStack } from '../errors.js';
import type { RunEvent } from '../events.js';
import { takeApart } from './pieces.js';
import type { Assignment, FromWorker } from './protocol.js';
import { rateLimit } from './rate_limit.js';

/** What a task is given besides its request. */
export interface TaskTools {
  emit: (event: RunEvent) => void;
  /** Whether the user asked to stop. */
  aborted: () => boolean;
}

/** Tasks by name; their results must be plain data. */
export type Tasks = Readonly<
  Record<string, (request: never, tools: TaskTools) => Promise<unknown>>
>;

/** Does what the client assigned to this thread. */
export async function serve(tasks: Tasks): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this file runs in a worker thread only');
  const { task, request, flag } = workerData as Assignment;
  const post = (message: FromWorker) => port.postMessage(message);
  const stop = new Int32Array(flag);
  try {
    const work = Object.hasOwn(tasks, task) ? tasks[task] : undefined;
    if (!work) throw new Error(`the engine knows no task "${task}"`);
    const value = await work(request as never, {
      emit: rateLimit((event) => post({ kind: 'event', event })),
      aborted: () => Atomics.load(stop, 0) !== 0,
    });
    const { whole, pieces } = takeApart(value);
    for (const piece of pieces) {
      const answer = once(port, 'message');
      post({ kind: 'piece', piece });
      await answer;
    }
    post({ kind: 'result', value: whole });
  } catch (thrown) {
    postError(post, asLoraShearError(thrown));
  }
}

function postError(post: (message: FromWorker) => void, error: LoraShearError): void {
  const stack = fullStack(error);
  const plain = error.toJSON();
  try {
    post({ kind: 'error', error: plain, stack });
  } catch {
    // Facts that cannot cross must not hide the error that they belong to.
    post({ kind: 'error', error: { ...plain, facts: {} }, stack });
  }
}
