// What the main thread and the engine's worker thread say to each other; all of it is plain data.
import type { SerialisedError } from '../errors.js';
import type { RunEvent } from '../events.js';
import type { Piece } from './pieces.js';

/** One worker does one task and ends; this is its workerData. */
export interface Assignment {
  task: string;
  request: unknown;
  /** One Int32: 0, or 1 once the user asked to stop. Messages would wait for a busy worker. */
  flag: SharedArrayBuffer;
}

/** What crosses back: any number of events, then one outcome, its long arrays in pieces before it. */
export type FromWorker =
  | { kind: 'event'; event: RunEvent }
  | { kind: 'piece'; piece: Piece }
  | { kind: 'result'; value: unknown }
  | { kind: 'error'; error: SerialisedError; stack: string | undefined };

/** The main thread's answer to each piece: without it, all would be read in one turn of its event loop. */
export const goOn = 'go on';
