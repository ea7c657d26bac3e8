// What a call of the toolkit gives back: a promise of its result that is also the sequence of its events.
import type { RunEvent } from '../events.js';
import { EventQueue } from './event_queue.js';

/**
 * Await it for the result, or iterate over it for the events, or both:
 *
 *     const running = run(job);
 *     for await (const event of running) console.log(event);
 *     const { model } = await running;
 *
 * Iteration begins with what has happened so far, ends with the task, and throws what the task threw. A reader may be
 * as slow as it likes: progress that nobody has read gives way to later progress of its stage, and of unread metrics
 * the last 1000 wait. Leaving the loop early only ends the reading: the task goes on, and is cancelled by the
 * `AbortSignal` of its options alone. Whoever iterates need not await as well to have a failure handled.
 */
export interface Running<T> extends Promise<T>, AsyncIterable<RunEvent> {}

/** Starts `task`, whose events go to iterations and to `onEvent`. */
export function running<T>(
  task: (onEvent: (event: RunEvent) => void) => Promise<T>,
  onEvent?: (event: RunEvent) => void,
): Running<T> {
  const past = new EventQueue();
  const readers = new Set<Reader>();
  const promise = task((event) => {
    past.push(event);
    for (const { queue, wake } of readers) {
      queue.push(event);
      wake();
    }
    onEvent?.(event);
  });
  let ended = false;
  const end = () => {
    ended = true;
    for (const { wake } of readers) wake();
  };
  // Passes the failure on, so that nobody's is nobody's: an unhandled rejection, as with any promise.
  const settled = promise.finally(end);
  async function* read(): AsyncGenerator<RunEvent, void> {
    const reader: Reader = { queue: past.copy(), wake: () => undefined };
    readers.add(reader);
    try {
      for (;;) {
        const event = reader.queue.shift();
        if (event) yield event;
        else if (ended) break;
        else await new Promise<void>((resolve) => (reader.wake = resolve));
      }
      await settled;
    } finally {
      readers.delete(reader);
    }
  }
  return Object.assign(settled, {
    [Symbol.asyncIterator]() {
      settled.catch(() => undefined); // the iteration throws it
      return read();
    },
  });
}

interface Reader {
  readonly queue: EventQueue;
  wake: () => void;
}
