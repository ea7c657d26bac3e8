// What the main thread and the engine's worker thread say to each other; all of it is plain data.
import type { SerialisedError } from '../errors.js';
import type { RunEvent } from '../events.js';

/** One worker does one task and ends; this is its workerData. */
export interface Assignment {
  task: string;
  request: unknown;
  /** One Int32: 0, or 1 once the user asked to stop. Messages would wait for a busy worker. */
  flag: SharedArrayBuffer;
}

/** What crosses back: any number of events, then one outcome. */
export type FromWorker =
  | { kind: 'event'; event: RunEvent }
  | { kind: 'result'; value: unknown }
  | { kind: 'error'; error: SerialisedError; stack: string | undefined };
