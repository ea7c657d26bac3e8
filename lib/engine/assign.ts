// The main thread's side of the protocol: one worker for one task, its events, its result, and its end.
import { Worker } from 'node:worker_threads';
import { LoraShearError, reviveError } from '../errors.js';
import type { RunEvent } from '../events.js';
import { sleepAtBarriers } from '../native/openmp.js';
import { gather } from './pieces.js';
import { type Assignment, type FromWorker, goOn } from './protocol.js';

export interface AssignOptions {
  /** Aborting finishes the step, saves the state and rejects with RUN_ABORTED. */
  signal?: AbortSignal | undefined;
  onEvent?: ((event: RunEvent) => void) | undefined;
}

/**
 * Runs `task` of the worker script `script`. The worker has ended when the promise settles.
 * @throws what the task threw, RUN_ABORTED, OUT_OF_MEMORY when JavaScript's heap is full, INTERNAL when the
 * thread died or the request is not plain data
 */
export async function assign<T>(
  script: URL,
  task: string,
  request: unknown,
  { signal, onEvent }: AssignOptions = {},
): Promise<T> {
  if (signal?.aborted) {
    throw new LoraShearError('RUN_ABORTED', 'stopped before the start', {
      hint: 'start it again with the same command',
    });
  }
  sleepAtBarriers();
  const flag = new SharedArrayBuffer(4);
  const assignment: Assignment = { task, request, flag };
  const worker = start(script, assignment);
  const stop = () => Atomics.store(new Int32Array(flag), 0, 1);
  signal?.addEventListener('abort', stop);
  try {
    return await outcome<T>(worker, onEvent);
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

function start(script: URL, workerData: Assignment): Worker {
  try {
    // The thread runs this package alone: a loader that the program was started with (--import) would only slow it.
    return new Worker(script, { workerData, execArgv: [] });
  } catch (thrown) {
    // A request with a function in it, or no thread to be had.
    throw died(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

function outcome<T>(worker: Worker, onEvent: AssignOptions['onEvent']): Promise<T> {
  return new Promise((resolve, reject) => {
    const pieces = gather();
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'result') resolve(pieces.finish(message.value) as T);
      else if (message.kind === 'piece') {
        pieces.add(message.piece);
        worker.postMessage(goOn);
      } else if (message.kind === 'error') {
        const error = reviveError(message.error);
        if (message.stack !== undefined) error.stack = message.stack;
        reject(error);
      } else {
        try {
          onEvent?.(message.event);
        } catch (thrown) {
          // The listener's own mistake ends the task rather than the process.
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      }
    });
    worker.on('error', (thrown: NodeJS.ErrnoException) => {
      reject(thrown.code === 'ERR_WORKER_OUT_OF_MEMORY' ? heapFull(thrown) : died(thrown));
    });
    worker.on('messageerror', (thrown: Error) => {
      reject(died(thrown));
    });
    worker.on('exit', (code) => {
      reject(died(new Error(`the engine's thread ended with code ${code}`)));
    });
  });
}

function heapFull(cause: Error): LoraShearError {
  return new LoraShearError('OUT_OF_MEMORY', "JavaScript's heap is full", {
    hint: 'give Node more with NODE_OPTIONS=--max-old-space-size=8192, or use fewer or smaller sources',
    cause,
  });
}

function died(cause: Error): LoraShearError {
  return new LoraShearError('INTERNAL', cause.message, {
    hint: 'this is a defect of lorashear-native; please report it with --debug output',
    cause,
  });
}
